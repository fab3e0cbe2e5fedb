import { bundle, kilobytes } from './bundle.ts'

// What the library adds to a page, gzipped; what a device needs is loaded when it is opened.
const { scripts, warnings } = await bundle()
for (const { name, gzipped } of scripts) console.log(`${name.padEnd(40)} ${kilobytes(gzipped).padStart(10)}`)
console.log(`together, gzipped: ${kilobytes(scripts.reduce((sum, { gzipped }) => sum + gzipped, 0))}`)
for (const warning of warnings) console.log(warning)
