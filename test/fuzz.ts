import { spawnSync } from 'node:child_process'

// 10,000 damaged files of each format: `npm run fuzz`, or RUNS=100000 npm run fuzz. Two minutes.

const args = ['vitest', 'run', '--config', 'test/vitest.config.ts', 'test/data/fuzz']
const env = { RUNS: '10000', ...process.env }
const { status } = spawnSync('npx', args, { stdio: 'inherit', env, shell: process.platform === 'win32' })
process.exitCode = status ?? 1
