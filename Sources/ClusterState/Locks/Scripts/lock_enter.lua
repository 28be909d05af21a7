-- Starts the quarantine of data that nobody knows yet. Returns: generation, what is left of its quarantine, token.
local generation, ends, token = enter()
return {generation, math.max(0, ends - now), token}
