// Calls of the server, with the token where it asks for one; every failure is a Problem with a sentence.

import {get} from "./elements.js";
import {say} from "./words.js";

export class Problem extends Error {
  constructor(status, {error, code = "unknown", remedy = "", detail = null, field = null, reasons = []} = {}) {
    super(error || reasons.join(" ") || say("no-sentence", {status}));
    Object.assign(this, {status, code, remedy, detail, field});
  }
}

const KEPT = "gatewise-token";
let token = sessionStorage.getItem(KEPT);
let asking = null;

// An answer as JSON, or as text where it is no JSON; null where it is empty.
export async function ask(path, {method = "GET", body = null, signal = null, keepalive = false} = {}) {
  for (;;) {
    const headers = {};
    if (body !== null) headers["Content-Type"] = "application/json";
    const used = token;
    if (used !== null) headers.Authorization = `Bearer ${used}`;
    let answer;
    try {
      answer = await fetch(path, {method, headers, body: body === null ? null : JSON.stringify(body), signal, keepalive, cache: "no-store", credentials: "omit", redirect: "error"});
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, {error: say("no-answer"), code: "no_answer", remedy: say("no-answer-remedy")});
    }
    if (answer.status === 401 && !keepalive) {
      // Somebody else may have given it meanwhile.
      if (token === used) await askForToken(used !== null);
      continue;
    }
    const isJson = (answer.headers.get("Content-Type") || "").startsWith("application/json");
    const found = answer.status === 204 ? null : isJson ? await answer.json().catch(() => ({})) : await answer.text();
    if (!answer.ok) throw new Problem(answer.status, isJson ? found : {});
    return found;
  }
}

export const hasToken = () => token !== null;

export const post = (path, body, more = {}) => ask(path, {method: "POST", body, ...more});

// The way to something that has a name.
export const way = (...parts) => `/${parts.map(encodeURIComponent).join("/")}`;

function askForToken(wasWrong) {
  asking ??= new Promise(resolve => {
    const dialog = get("token-dialog");
    get("token-wrong").hidden = !wasWrong;
    get("token").value = "";
    dialog.addEventListener("cancel", event => event.preventDefault());
    dialog.addEventListener("close", () => {
      token = get("token").value.trim();
      get("token").value = "";
      sessionStorage.setItem(KEPT, token);
      asking = null;
      resolve();
    }, {once: true});
    dialog.showModal();
  });
  return asking;
}
