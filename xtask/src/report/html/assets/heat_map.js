// The details of a position come from its row of the table below the heat map.
for (const map of document.querySelectorAll(".heat-map")) {
  const rows = map.parentElement.querySelector("table").tBodies[0].rows;
  const cells = map.querySelector(".cells");
  const details = map.querySelector(".details");

  const enterAt = rove(cells, (cell) => {
    const [position, entropy, ...top] = rows[[...cells.children].indexOf(cell)].cells;
    const heading = element("h4", "", `Position ${position.textContent}`);
    const sharpness = entropy.textContent && `entropy ${entropy.textContent} nats`;
    const list = document.createElement("ol");
    list.append(...top.map(candidate));
    details.replaceChildren(heading, element("p", "", sharpness), list);
  });
  for (const cell of cells.children) {
    cell.tabIndex = -1;
  }
  if (cells.firstElementChild) enterAt(cells.firstElementChild);
  map.hidden = false;
}

// A token in quotes, its number, and its probability as a number and a bar.
function candidate(source) {
  const item = document.createElement("li");
  const parts = ["raw", "id", "p"].map((name) => source.querySelector(`.${name}`).cloneNode(true));
  const bar = element("span", "bar", "");
  const filled = element("span", "", "");
  filled.style.inlineSize = `${100 * source.dataset.p}%`;
  bar.append(filled);
  item.append(...parts, bar);
  return item;
}
