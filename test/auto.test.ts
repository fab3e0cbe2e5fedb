import { afterEach, describe, expect, test, vi } from 'vitest'
import { choose } from '../src/device/auto.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

/** What `auto` takes where WebGPU has this adapter; null: none. */
function choiceFor(info: object | null) {
  vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => info && { info } } })
  return choose()
}

describe('auto', () => {
  test.each([
    [
      {
        vendor: 'nvidia',
        architecture: 'hopper',
        device: 'nvidia-h100-80gb-hbm3',
        description: 'NVIDIA: 550',
      },
      'nvidia hopper, nvidia-h100-80gb-hbm3',
    ],
    [{ vendor: 'apple', architecture: 'metal-3', device: '', isFallbackAdapter: false }, 'apple metal-3'],
    [{ vendor: '', architecture: '', description: 'Some GPU' }, 'Some GPU'],
  ])('takes a real GPU and names it: %j', async (info, because) => {
    expect(await choiceFor(info)).toEqual({ name: 'webgpu', because })
  })

  test('looks for a GPU in /dev before it loads a driver, on Linux', async () => {
    const files = process.getBuiltinModule('node:fs')
    const listed = vi.spyOn(files, 'readdirSync').mockReturnValue(['null', 'tty'] as never)
    try {
      const here = await choose()
      if (process.platform === 'linux')
        expect(here).toEqual({ name: 'cpu', because: 'there is no GPU in /dev' })
    } finally {
      listed.mockRestore()
    }
  })

  test.each([
    [{ vendor: 'google', architecture: 'swiftshader' }, "webgpu's adapter is google swiftshader (software)"],
    [{ vendor: 'mesa', architecture: '', device: 'llvmpipe' }, "webgpu's adapter is mesa (software)"],
    [
      { vendor: 'microsoft', architecture: 'warp', isFallbackAdapter: true },
      "webgpu's adapter is microsoft warp (software)",
    ],
    [null, 'webgpu is absent'],
  ])('takes the processor otherwise: %j', async (info, because) => {
    expect(await choiceFor(info)).toEqual({ name: 'cpu', because })
  })
})
