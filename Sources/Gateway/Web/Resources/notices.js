/** What the page says about its connection and its node: what that means for who reads it. And notifications. */

import { byId, names, remember } from "/assets/common.js";
import { hasText, t } from "/assets/texts.js";

/** What this page uses of what a tier may suspend: all else is no news to its reader. */
const FEATURES = ["typing", "presence", "read_marks", "history", "users"];
const BANNER_AFTER_MS = 400; // a shorter loss needs no words

let bannerTimer = null;

export function showBanner(text, { kind = "warn", action, run, afterMs = 0 } = {}) {
  clearTimeout(bannerTimer);
  if (afterMs > 0) {
    bannerTimer = setTimeout(() => showBanner(text, { kind, action, run }), afterMs);
    return;
  }
  byId("banner").hidden = !text;
  byId("banner").className = `strip ${kind}`;
  byId("banner-text").textContent = text ?? "";
  byId("banner-action").hidden = !action;
  byId("banner-action").textContent = action ?? "";
  byId("banner-action").onclick = run ?? null;
}

/** The state of the connection, as the client says it, in the pill. */
export function showState({ state, attempt }) {
  const looks = {
    connecting: ["warn", attempt > 0 ? "reconnecting" : "connecting"],
    online: ["good", "connected"],
    waiting: ["warn", navigator.onLine ? "reconnecting" : "offline"],
    closed: ["bad", "disconnected"],
    idle: ["warn", "not_connected"],
  };
  const [kind, text] = looks[state];
  const pill = byId("connection-state");
  pill.className = `pill dot ${kind}`;
  pill.textContent = t(text);
  pill.dataset.state = state;
}

/** The words for a connection that is tried again. */
export function showWaiting({ delayMs, code, reason }, run) {
  const why = !navigator.onLine ? "why_offline"
    : reason === "shed" || code === 4100 ? "why_full"
    : code === 1012 ? "why_restart"
    : "why_lost";
  const words = reason === "room_full" ? t("room_is_full") : t("kept_meanwhile", { why: t(why) });
  showBanner(words, { action: t("try_now"), run, afterMs: delayMs === 0 ? BANNER_AFTER_MS : 0 });
}

/** The words for a connection that has ended, and for the button beside them. */
export function closedWords({ code, reason }) {
  if (code === 4004 && reason === "room_deleted") return [t("room_deleted"), t("open_again")];
  const action = { 4001: "sign_in", 4004: "enter_again", 4005: "continue_here" }[code] ?? "try_again";
  const words = hasText(`closed_${code}`) ? t(`closed_${code}`) : t("closed_other", { reason: reason ?? code });
  return [words, t(action)];
}

/** A `tier` frame, or null for normal. `bytesMax` is the limit without a tier. Light is no news: nothing is refused. */
export function showTier(frame, bytesMax) {
  const strip = byId("tier");
  strip.hidden = !frame || frame.tier === "normal" || frame.tier === "light";
  if (strip.hidden) return;
  const suspended = frame.suspended ?? [];
  const away = FEATURES.filter((name) => suspended.includes(name)).map((name) => t(`feature_${name}`));
  const what = [
    away.length > 0 && t("tier_away", { list: names(away, away.length) }),
    suspended.includes("storage") && t("tier_storage"),
    frame.message_bytes < bytesMax && t("tier_size"),
  ].filter(Boolean).join(" ");
  strip.dataset.tier = frame.tier;
  strip.textContent = t("tier", { tier: t(`tier_${frame.tier}`), what });
}

/** "single", "cluster" or "degraded". */
export function showMode(mode) {
  byId("mode").hidden = mode !== "degraded";
  byId("mode").textContent = mode === "degraded" ? t("mode_degraded") : "";
}

// ---- notifications -------------------------------------------------------------------------------------------------

const wanted = () => remember("localStorage", "sluice.notify") === "on";
const possible = () => "Notification" in window && Notification.permission !== "denied";

/** The button that asks for notifications: a browser is asked by a click alone. */
export function offerNotifications() {
  const button = byId("notify");
  const show = () => {
    const on = possible() && Notification.permission === "granted" && wanted();
    button.hidden = !possible();
    button.setAttribute("aria-pressed", String(on));
    button.textContent = t(on ? "notify_on" : "notify");
  };
  button.addEventListener("click", async () => {
    const turnOn = button.getAttribute("aria-pressed") !== "true";
    if (turnOn && Notification.permission === "default") await Notification.requestPermission();
    remember("localStorage", "sluice.notify", turnOn && Notification.permission === "granted" ? "on" : null);
    show();
  });
  show();
}

/** Notifies of what came while the page is hidden; the next of the same `tag` takes its place. */
export function notify(title, text, tag, opened) {
  if (document.visibilityState !== "hidden" || !possible() || !wanted()) return;
  if (Notification.permission !== "granted") return;
  try {
    const shown = new Notification(title, { body: text.slice(0, 200), tag, icon: "/assets/icon.svg" });
    shown.onclick = () => {
      window.focus();
      shown.close();
      opened();
    };
  } catch {
    // Some phones have them for service workers alone.
  }
}
