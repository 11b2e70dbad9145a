// Pages that the server makes, shown where they can reach nothing: a frame without an origin, under a policy of its own.

import {download, get, make} from "./elements.js";
import {say} from "./words.js";

let shown = null;

export function showPage(title, page, fileName) {
  const frame = make("iframe", {sandbox: "allow-scripts", src: "/page/frame.html", title});
  const hear = event => {
    if (event.source !== frame.contentWindow || event.data !== "ready") return;
    removeEventListener("message", hear);
    // The frame has no origin that could be named.
    frame.contentWindow.postMessage(page, "*");
  };
  addEventListener("message", hear);
  const dialog = get("frame-dialog");
  get("frame-title").textContent = title;
  get("frame-save").textContent = say("save-page");
  shown = {page, fileName};
  dialog.append(frame);
  dialog.showModal();
  dialog.addEventListener("close", () => {
    removeEventListener("message", hear);
    frame.remove();
    shown = null;
  }, {once: true});
}

get("frame-close").addEventListener("click", () => get("frame-dialog").close());
get("frame-save").addEventListener("click", () => shown && download(shown.fileName, shown.page, "text/html"));
