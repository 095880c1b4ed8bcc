// Cells that wrap like the words of a text are one stop of the tab key; within them
// the arrow keys move, by place and not by order when they move up or down.
function rove(list, look) {
  let current = null;
  let entry = null;

  function choose(cell) {
    for (const former of [current, entry]) {
      former?.setAttribute("aria-selected", "false");
      if (former) former.tabIndex = -1;
    }
    current = cell;
    cell.tabIndex = 0;
    cell.setAttribute("aria-selected", "true");
    look(cell);
  }

  function target(key) {
    const cells = [...list.children];
    const at = cells.indexOf(current);
    switch (key) {
      case "ArrowRight": return cells[at + 1];
      case "ArrowLeft": return cells[at - 1];
      case "ArrowDown": return inNextRow(current, cells.slice(at + 1));
      case "ArrowUp": return inNextRow(current, cells.slice(0, Math.max(at, 0)).reverse());
      case "Home": return cells[0];
      case "End": return cells.at(-1);
      default: return undefined;
    }
  }

  list.addEventListener("keydown", (event) => {
    const cell = event.altKey || event.ctrlKey || event.metaKey ? undefined : target(event.key);
    if (cell) {
      event.preventDefault();
      cell.focus();
    }
  });
  for (const kind of ["focusin", "pointerover", "click"]) {
    list.addEventListener(kind, (event) => {
      const cell = event.target.closest("[role=option]");
      if (cell && cell !== current) choose(cell);
    });
  }

  // Where the tab key enters, before anything was chosen.
  return function enterAt(cell) {
    current = null;
    entry = cell;
    cell.tabIndex = 0;
  };
}

// Of `others`, which lead away from `cell` row by row, the one in the first other row
// that stands most nearly above or below it.
function inNextRow(cell, others) {
  const beyond = others.filter((other) => other.offsetTop !== cell.offsetTop);
  const row = beyond.filter((other) => other.offsetTop === beyond[0].offsetTop);
  const middle = (some) => some.offsetLeft + some.offsetWidth / 2;
  const distance = (other) => Math.abs(middle(other) - middle(cell));
  return row.reduce((best, other) => (best && distance(best) <= distance(other) ? best : other), undefined);
}

// An element with text, which is never read as HTML.
function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

// Tells the style sheet that views which need a script are there.
document.documentElement.classList.add("live");
