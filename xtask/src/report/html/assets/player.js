// The player of trajectories: one state, the step, and one function that shows it.
for (const player of document.querySelectorAll(".player")) {
  const part = (name) => player.querySelector(`.${name}`);
  const [choice, colour, cells, scrub] = ["sample", "colour", "cells", "scrub"].map(part);
  const [play, back, forward, speed] = ["play", "back", "forward", "speed"].map(part);
  const [status, details] = ["status", "details"].map(part);
  const { levels, tokens, samples } = JSON.parse(player.querySelector("script").textContent);
  let sample = samples[0];
  let step = 0;
  let timer = null;
  let looked = null;

  function open() {
    sample = samples[choice.value];
    part("said").textContent = sample.prompt;
    part("prompt").hidden = !sample.prompt;
    scrub.max = sample.steps.length;
    looked = null;
    details.textContent = "Point at a position, or move with the arrow keys, for its history.";
    cells.replaceChildren(...widths(sample, tokens).map(blankCell));
    if (cells.firstElementChild) enterAt(cells.firstElementChild);
    show(sample.steps.length);
  }

  function show(wanted) {
    step = Math.min(Math.max(wanted, 0), sample.steps.length);
    stateAfter(sample, step).forEach((place, position) => paint(cells.children[position], place, position));
    const sentence = describe();
    scrub.value = step;
    scrub.setAttribute("aria-valuetext", `step ${step} of ${sample.steps.length}`);
    status.textContent = sentence;
    back.disabled = step === 0;
    forward.disabled = step === sample.steps.length;
  }

  function paint(cell, place, position) {
    const [token, when] = cell.children;
    const set = place.token !== null;
    const state = set ? "set" : place.again ? "again" : "masked";
    token.textContent = set ? tokens[place.token][0] : place.lost !== null ? tokens[place.lost][0] : place.again ? "▒" : "░";
    token.classList.toggle("lost", place.lost !== null);
    when.textContent = place.step || "";
    cell.dataset.state = state;
    cell.classList.toggle("fresh", place.fresh && set);
    const level = colour.value === "step" ? Math.round(levels * (1 - (place.step - 1) / sample.steps.length)) : place.level;
    if (set) cell.dataset.level = level;
    else delete cell.dataset.level;
    cell.setAttribute("aria-label", label(place, position));
  }

  function label(place, position) {
    if (place.token === null) return `position ${position}: ${place.again ? `masked again at step ${place.step}` : "masked"}`;
    return `position ${position}: ${tokens[place.token][1]}, confidence ${place.confidence}, step ${place.step}`;
  }

  // What the current step did, in a sentence.
  function describe() {
    if (step === 0) return `Step 0 of ${sample.steps.length}: everything is masked.`;
    const { nfe, changes } = sample.steps[step - 1];
    const set = changes.filter(([, token]) => token !== null);
    const again = changes.filter(([, token]) => token === null).map(([position]) => position);
    const named = set.slice(0, 8).map(([position, token, p]) => `${tokens[token][0]} at ${position}${p && ` (${p})`}`);
    if (set.length > named.length) named.push(`and ${set.length - named.length} more`);
    const parts = [named.length ? `set ${named.join(", ")}` : "", again.length ? `masked again ${again.join(", ")}` : ""];
    const what = parts.filter(Boolean).join("; ") || "changed nothing";
    return `Step ${step} of ${sample.steps.length}, evaluation ${nfe}: ${what}.`;
  }

  function recount(position) {
    const lines = historyOf(sample, position).map(({ step: at, token, confidence }) =>
      token === null ? `step ${at} masked again` : `step ${at} ${tokens[token][1]} ${confidence}`,
    );
    details.textContent = `Position ${position}: ${lines.join("; ") || "never set"}.`;
  }

  // While it plays, nothing is read aloud; what stands when it stops is.
  function setPlaying(on) {
    clearTimeout(timer);
    timer = on ? setTimeout(advance, pause()) : null;
    play.textContent = on ? "Pause" : "Play";
    for (const live of [status, details]) live.setAttribute("aria-live", on ? "off" : "polite");
  }

  function advance() {
    show(step + 1);
    setPlaying(step < sample.steps.length);
  }

  // Milliseconds a step: about twelve seconds in all, and calmer where less motion is wished.
  function pause() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const usual = Math.min(Math.max(12000 / sample.steps.length, 80), 600) / Number(speed.value);
    return calm ? Math.max(usual, 600) : usual;
  }

  function goTo(wanted) {
    setPlaying(false);
    show(wanted);
  }

  const enterAt = rove(cells, (cell) => {
    looked = [...cells.children].indexOf(cell);
    recount(looked);
  });
  play.addEventListener("click", () => {
    if (timer === null && step === sample.steps.length) show(0);
    setPlaying(timer === null);
  });
  back.addEventListener("click", () => goTo(step - 1));
  forward.addEventListener("click", () => goTo(step + 1));
  scrub.addEventListener("input", () => goTo(Number(scrub.value)));
  colour.addEventListener("change", () => {
    const bySteps = colour.value === "step";
    part("meaning").textContent = bySteps ? "Step that set the token" : "Confidence";
    part("low").textContent = bySteps ? "last" : "0";
    part("high").textContent = bySteps ? "first" : "1";
    show(step);
  });
  choice.addEventListener("change", () => {
    setPlaying(false);
    open();
  });
  choice.append(...samples.map((each, index) => new Option(each.title, index)));
  if (samples.length) {
    open();
    player.hidden = false;
  }
}

function blankCell(columns) {
  const cell = element("div", "", "");
  cell.setAttribute("role", "option");
  cell.setAttribute("aria-selected", "false");
  cell.tabIndex = -1;
  const token = element("bdi", "token", "");
  token.style.minInlineSize = `${Math.min(columns, 24)}ch`;
  token.style.textAlign = "center";
  cell.append(token, element("span", "when", ""));
  return cell;
}
