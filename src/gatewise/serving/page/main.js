// The page as a whole: which part is seen, in which language.

import {get} from "./elements.js";
import {startForecast} from "./forecast.js";
import {startLive} from "./live.js";
import {loadModels, startModels, watchHealth} from "./models.js";
import {startText} from "./text.js";
import {choose, onLanguage, say, spoken, translate} from "./words.js";

const PARTS = ["forecast", "text", "live", "models"];

function part(first = false) {
  const wanted = location.hash.slice(1), name = PARTS.includes(wanted) ? wanted : first ? "forecast" : null;
  // A hash that is no part, such as that of the skip link, leaves everything where it is.
  if (!name) return;
  for (const one of PARTS) get(one).hidden = one !== name;
  document.querySelectorAll("#parts a").forEach(link => {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  if (first) return;
  get(`${name}-title`).focus({preventScroll: true});
  scrollTo(0, 0);
}

function nameLanguage() {
  const other = get("language");
  other.textContent = say("other-language");
  other.setAttribute("aria-label", say("other-language-label"));
  other.lang = spoken() === "zh" ? "en" : "zh";
  document.title = `gatewise · ${say("nav-forecast")}`;
}

translate();
nameLanguage();
onLanguage(nameLanguage);
get("language").addEventListener("click", () => choose(spoken() === "zh" ? "en" : "zh"));
startForecast();
startText();
startLive();
startModels();
addEventListener("hashchange", () => part());
part(true);
loadModels().then(watchHealth);
