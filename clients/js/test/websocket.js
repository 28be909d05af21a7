// A WebSocket for Node.js, which has one of its own only from version 22 on.
import { createRequire } from "node:module";

function load(...places) {
  for (const place of places) {
    try {
      return createRequire(import.meta.url)(place);
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  throw new Error("the package ws is not there: npm install ws, or Debian's node-ws");
}

export const WebSocket = load("ws", "/usr/share/nodejs/ws");
