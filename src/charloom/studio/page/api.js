/** Asking the studio: JSON in, JSON out, and what goes wrong as an Error with one sentence. */

export const NOT_RUNNING = "The studio is not running; start it again with: charloom studio";

/**
 * @param {string} method
 * @param {string} path below /api
 * @param {BodyInit} [body]
 * @param {object} [options] more of `fetch`'s
 * @returns {Promise<Response>} one that is in order
 */
async function ask(method, path, body, options = {}) {
  let response;
  try {
    response = await fetch(`/api${path}`, { method, body, ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(NOT_RUNNING);
  }
  if (response.ok) return response;
  const data = await response.json().catch(() => ({}));
  throw new Error(data.error?.message ?? data.error ?? `The studio answered ${response.status}; load the page again.`);
}

const JSON_TYPE = { headers: { "Content-Type": "application/json" } };

export const get = async (path) => (await ask("GET", path)).json();

export const post = async (path, data = {}) =>
  (await ask("POST", path, JSON.stringify(data), JSON_TYPE)).json();

export const remove = async (path) => (await ask("DELETE", path)).json();

/** Gives a text ("/texts") or a model ("/models"): a file or a string, as it is. */
export const give = async (path, name, body) =>
  (await ask("POST", `${path}?name=${encodeURIComponent(name)}`, body)).json();

/**
 * Asks for something that comes as events, and hands each on as it comes.
 * @param {string} path
 * @param {object} data
 * @param {(kind: string, data: any) => void} listen
 * @param {AbortSignal} signal
 */
export async function stream(path, data, listen, signal) {
  const options = { ...JSON_TYPE, signal };
  const response = await ask("POST", path, JSON.stringify(data), options);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  let ended = false;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      waiting += value.replaceAll("\r", "");
      const events = waiting.split("\n\n");
      waiting = events.pop();
      for (const event of events) {
        const parts = parsed(event);
        if (!parts) continue; // a comment that keeps the connection open
        if (parts.kind === "problem") throw new Error(parts.data.error);
        ended ||= parts.kind === "end";
        listen(parts.kind, parts.data);
      }
    }
  } catch (error) {
    // A connection that breaks off is told by the browser in its own words.
    throw error instanceof TypeError ? new Error(NOT_RUNNING) : error;
  }
  if (!ended && !signal.aborted) throw new Error(NOT_RUNNING);
}

/** One event of a stream: its kind and its data. */
function parsed(event) {
  let kind = "message";
  let data = "";
  for (const line of event.split("\n")) {
    if (line.startsWith("event: ")) kind = line.slice(7);
    if (line.startsWith("data: ")) data += line.slice(6);
  }
  return data ? { kind, data: JSON.parse(data) } : null;
}
