// The keys of a panel go to Python, and none of them to JupyterLab, where d d deletes the cell. A press says what was
// shown at that moment: Python may be busy, and what it asks about by then is something that nobody has seen.
function render({ model, el }) {
  const buttons = model.get("buttons");
  let panel, wait;
  const press = (action) => {
    model.send({ action, shown: panel.querySelector("[data-shown]")?.dataset.shown ?? "" });
  };
  const made = buttons.map(([action, , label, style]) => {
    const button = document.createElement("button");
    button.textContent = label;
    button.className = `jupyter-button widget-button ${style}`;
    button.onclick = () => press(action);
    return button;
  });
  const draw = () => made.forEach((button, i) => {
    const off = model.get("off").includes(buttons[i][0]);
    if (off && button === document.activeElement) panel.focus();  // else the keys would go to the notebook
    button.disabled = off;
  });
  const listen = () => {
    panel = el.closest(".termmine-panel");
    if (!panel) { wait = requestAnimationFrame(listen); return; }
    panel.setAttribute("data-lm-suppress-shortcuts", "true");  // enough for the panel, not for a button in it
    panel.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
    });
    if (!buttons.length) return;
    panel.tabIndex = 0;
    for (const kind of ["keydown", "keyup"]) panel.addEventListener(kind, (event) => {
      const [action] = buttons.find(([, key]) => key === event.key.toLowerCase()) ?? [];
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();  // a space would also press the button that has the focus
      if (kind === "keydown" && !event.repeat) press(action);
    });
  };
  el.classList.add("termmine-buttons");
  el.replaceChildren(...made);
  model.on("change:off", draw);
  draw();
  wait = requestAnimationFrame(listen);
  return () => cancelAnimationFrame(wait);
}
export default { render };
