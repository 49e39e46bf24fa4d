// Rows of terms with buttons.
function render({ model, el }) {
  el.classList.add("termmine-rows");
  const button = (label, term, action) => {
    const made = document.createElement("button");
    made.textContent = label;
    made.className = action;
    made.setAttribute("aria-label", `${action} ${term}`);
    made.onclick = () => model.send({ term, action });
    return made;
  };
  const draw = () => {
    const focus = [...el.querySelectorAll("button")].indexOf(document.activeElement);
    const actions = model.get("actions");
    el.replaceChildren(...model.get("rows").map(([term, note]) => {
      const row = document.createElement("div"), rest = document.createElement("small");
      const name = actions.length ? document.createElement("span") : button(term, term, "show");
      name.textContent = term;
      rest.textContent = note;
      row.append(name, rest, ...actions.map((action) => button(action, term, action)));
      return row;
    }));
    el.querySelectorAll("button")[focus]?.focus();
  };
  model.on("change:rows", draw);
  draw();
}
export default { render };
