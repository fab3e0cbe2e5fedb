/** What index.html has under this id. */
export function byId<E extends Element = HTMLElement>(id: string): E {
  const found: Element | null = document.getElementById(id)
  if (!found) throw new Error(`page: index.html must have an element ${id}.`)
  return found as E
}

/** Said to those who listen too, so only where it is new. */
export function say(text: string, wrong = false): void {
  const status = byId('status')
  if (status.textContent !== text) status.textContent = text
  status.classList.toggle('wrong', wrong)
}
