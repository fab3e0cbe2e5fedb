import { device } from 'kdgrad'

const NAMES = ['auto', 'cpu', 'webgpu', 'webgl2']

/** Fills the picker, and looks for what is found quickly; opening WebGL can hold up the page, so it waits until it is picked. */
export async function listDevices(picker: HTMLSelectElement, reasons: HTMLElement): Promise<void> {
  picker.replaceChildren(...NAMES.map((name) => new Option(name, name)))
  for (const name of ['webgpu', 'cpu', 'auto']) await lookFor(picker, name, reasons)
}

/** Opens a device, which is the one in use from now on; says why where it is absent. */
export async function lookFor(picker: HTMLSelectElement, name: string, reasons: HTMLElement): Promise<void> {
  const option = [...picker.options].find(({ value }) => value === name)!
  const known = [...reasons.children].find((item) => (item as HTMLElement).dataset.device === name)
  known?.remove()
  try {
    const found = await device(name)
    option.text = found.name === name ? name : `${name}: ${found.name}`
  } catch (error) {
    option.text = `${name}: absent`
    const reason = document.createElement('li')
    reason.dataset.device = name
    reason.textContent = (error as Error).message
    reasons.append(reason)
  }
}
