import { readFileSync } from 'node:fs'

/** The student's and the teacher's logits, float32, from the files that the command line names. */
export const logits = () =>
  process.argv.slice(2, 4).map((path) => new Float32Array(Uint8Array.from(readFileSync(path)).buffer))
