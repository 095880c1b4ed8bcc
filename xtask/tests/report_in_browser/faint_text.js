// Texts whose contrast with what lies behind them is below 4.5 (WCAG 2.2, level AA),
// with that contrast.
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  function channels(colour) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  }

  function luminance(colour) {
    const [red, green, blue] = channels(colour).map((byte) => {
      const encoded = byte / 255;
      return encoded <= 0.04045 ? encoded / 12.92 : ((encoded + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  function behind(element) {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (channels(colour)[3] === 255) return colour;
    }
    return "white";
  }

  function contrast(element) {
    const [one, other] = [getComputedStyle(element).color, behind(element)].map(luminance);
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  }

  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const faint = [];
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const shown = texts.currentNode.textContent.trim() && element.checkVisibility() && !element.closest(":disabled, option");
    if (shown && contrast(element) < 4.5) faint.push([texts.currentNode.textContent.trim(), contrast(element)]);
  }
  return faint;
})()
