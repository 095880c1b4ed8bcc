// What stands at each position of a sample after its first `steps` steps.
function stateAfter(sample, steps) {
  const blank = { token: null, confidence: "", level: 0, step: 0, fresh: false, again: false, lost: null };
  const places = Array.from({ length: sample.length }, () => blank);
  sample.steps.slice(0, steps).forEach((step, index) => {
    const fresh = index === steps - 1;
    for (const [position, token, confidence, level] of step.changes) {
      const again = token === null;
      const lost = fresh && again ? places[position].token : null;
      places[position] = { token, confidence, level, step: index + 1, fresh, again, lost };
    }
  });
  return places;
}

// Everything that happened at a position, as `step, token, confidence`.
function historyOf(sample, position) {
  return sample.steps.flatMap((step, index) =>
    step.changes
      .filter(([at]) => at === position)
      .map(([, token, confidence]) => ({ step: index + 1, token, confidence })),
  );
}

// The widest text that ever stands at each position, in columns: with that room a
// sample keeps its lines while it plays.
function widths(sample, tokens) {
  const columns = (text) => [...text].reduce((sum, sign) => sum + (sign.codePointAt(0) < 0x1100 ? 1 : 2), 0);
  const found = new Array(sample.length).fill(1);
  for (const [position, token] of sample.steps.flatMap((step) => step.changes)) {
    if (token !== null) found[position] = Math.max(found[position], columns(tokens[token][0]));
  }
  return found;
}
