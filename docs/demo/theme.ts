/** A switch between light and dark, which begins with what the system prefers. */
export function addThemeSwitch(button: HTMLElement): void {
  const apply = (dark: boolean) => {
    document.documentElement.dataset.theme = dark ? 'dark' : 'light'
    button.ariaPressed = String(dark)
  }
  const preferred = matchMedia('(prefers-color-scheme: dark)')
  preferred.addEventListener('change', ({ matches }) => apply(matches))
  apply(preferred.matches)
  button.addEventListener('click', () => apply(document.documentElement.dataset.theme !== 'dark'))
}
