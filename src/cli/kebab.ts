/** `labelNoise` as the flag is called: label-noise. What belongs to a loss, `dkd.beta`, stays as it is. */
export const kebab = (name: string): string =>
  name.includes('.') ? name : name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
