/**
 * Two defects of gpu.js 2.24.1's WebAssembly code generator, mended from outside: without them a matmul runs at about
 * a seventh of the speed. Both edit the prototype of `WebAssemblyFunctionNode`, so they hold for the whole process.
 *
 * 1. Loop counters: the first walk over the source notes the literal of `let k = 0` as an integer, the second walk
 *    then takes its branch "initialised from an integer, so float", and every index becomes float arithmetic with a
 *    truncation. Forgetting the note between the walks keeps the counter an i32.
 * 2. Vector loads: every read whose index depends on thread.x is four scalar loads. Where the index is
 *    (something equal in all four lanes) + thread.x, one v128.load does.
 */

/** One JavaScript syntax node, as far as it is read here. */
interface SyntaxNode {
  readonly type: string
  readonly operator?: string
  readonly left?: SyntaxNode
  readonly right?: SyntaxNode
  readonly value?: unknown
  readonly computed?: boolean
  readonly object?: SyntaxNode
  readonly property?: SyntaxNode & { readonly name?: string }
}

interface Emitter {
  i32Const(value: number): Emitter
  i32Shl(): Emitter
  i32LeU(): Emitter
  localGet(index: number): Emitter
  localSet(index: number): Emitter
  addLocal(type: 'i32'): number
  v128Load(offset: number, align: number): Emitter
  else_(): Emitter
}

interface FunctionNode {
  literalTypes: Record<string, string>
  em: Emitter
  vMaskDepth: number
  vRetMask: number
  vInfo: { exprVarying(node: SyntaxNode): boolean }
  assembler: { layout: Record<string, Record<string, { offset: number; flatLength: number }>> }
  emitIndex(node: SyntaxNode): void
  enterIf(type: 'v128'): void
  exit(): void
}

type Method = (this: FunctionNode, ...args: unknown[]) => unknown
const PATCHED = ['emitFunction', 'emitVectorFunction', 'vGather'] as const
type Prototype = Record<(typeof PATCHED)[number], Method>

/** gpu.js's `WebAssemblyFunctionNode`, or whatever the package holds under that name. */
export type PatchTarget = { readonly prototype: unknown }

/**
 * Patches `target`, then lets `selfTest` compile and compare a few kernels. If it fails, gpu.js is put back as it was.
 * Says whether the patches are in force.
 */
export function patchWebAssembly(target: PatchTarget | undefined, selfTest: () => boolean): boolean {
  const prototype = target?.prototype as Prototype | undefined
  if (!prototype || PATCHED.some((name) => typeof prototype[name] !== 'function')) return false
  const stock = PATCHED.map((name) => [name, prototype[name]] as const)
  try {
    for (const name of ['emitFunction', 'emitVectorFunction'] as const) {
      prototype[name] = withIntegerCounters(prototype[name])
    }
    prototype.vGather = withVectorLoads(prototype.vGather)
    if (selfTest()) return true
  } catch {
    // A kernel that no longer compiles, or that traps, is a failed self-test like any other.
  }
  for (const [name, method] of stock) prototype[name] = method
  return false
}

const withIntegerCounters = (stock: Method): Method =>
  function (...args) {
    this.literalTypes = {}
    return stock.apply(this, args)
  }

const withVectorLoads = (stock: Method): Method =>
  function (...args) {
    const [table, name, x, y, z] = args as [string, string, SyntaxNode, SyntaxNode?, SyntaxNode?]
    const array = this.assembler.layout[table]?.[name]
    if (!array || array.flatLength < 4 || y || z || laneStride(this, x) !== 1) return stock.apply(this, args)
    const { em } = this
    const guarded = this.vMaskDepth > 0 || this.vRetMask !== -1
    const base = em.addLocal('i32')
    this.emitIndex(x)
    em.localSet(base)
    if (!guarded) {
      em.localGet(base).i32Const(2).i32Shl().v128Load(array.offset, 2)
      return 'vf32'
    }
    // Under a mask the lanes that are switched off may point outside the array. The test, unsigned so that it covers
    // negative indices too, takes the vector load in the interior and the stock (clamped) gather at the borders.
    em.localGet(base)
      .i32Const(array.flatLength - 4)
      .i32LeU()
    this.enterIf('v128')
    em.localGet(base).i32Const(2).i32Shl().v128Load(array.offset, 2)
    em.else_()
    stock.apply(this, args)
    this.exit()
    return 'vf32'
  }

/** How far an index moves from lane to lane: a number where it is linear in thread.x, else null. */
function laneStride(context: FunctionNode, node: SyntaxNode | undefined): number | null {
  if (!node) return null
  if (!context.vInfo.exprVarying(node)) return 0
  if (node.type === 'MemberExpression') return isThreadX(node) ? 1 : null
  if (node.type !== 'BinaryExpression') return null
  const left = laneStride(context, node.left)
  const right = laneStride(context, node.right)
  if (left === null || right === null) return null
  if (node.operator === '+') return left + right
  if (node.operator === '-') return left - right
  if (node.operator !== '*') return null
  const leftFactor = integer(node.left)
  if (leftFactor !== null) return leftFactor * right
  const rightFactor = integer(node.right)
  return rightFactor === null ? null : left * rightFactor
}

const isThreadX = ({ computed, property, object }: SyntaxNode): boolean =>
  !computed &&
  property?.name === 'x' &&
  object?.type === 'MemberExpression' &&
  object.property?.name === 'thread'

const integer = (node: SyntaxNode | undefined): number | null =>
  node?.type === 'Literal' && Number.isInteger(node.value) ? (node.value as number) : null

interface Probe {
  readonly source: string
  readonly grid: readonly number[]
  readonly lengths: readonly number[]
  expected(x: number, y: number, z: number, arrays: readonly Float32Array[]): number
}

/** Runs a kernel text on the patched gpu.js; flat in, flat out. */
export type ProbeRun = (
  source: string,
  grid: readonly number[],
  arrays: readonly Float32Array[],
) => Float32Array

/** Every shape of index that the patches treat, on small integers, where float32 is exact. */
export function patchesComputeRight(run: ProbeRun): boolean {
  return PROBES.every(({ source, grid, lengths, expected }) => {
    const arrays = lengths.map((length, seed) =>
      Float32Array.from({ length }, (_, i) => ((i * 7 + seed * 3) % 11) - 5),
    )
    const [width, height = 1] = grid as [number, number?]
    return run(source, grid, arrays).every(
      (value, i) =>
        value ===
        expected(i % width, Math.floor(i / width) % height, Math.floor(i / (width * height)), arrays),
    )
  })
}

const at = (array: Float32Array | undefined, i: number): number => array?.[i] ?? 0
const sum = (count: number, term: (k: number) => number): number => {
  let total = 0
  for (let k = 0; k < count; k++) total += term(k)
  return total
}

const PROBES: readonly Probe[] = [
  {
    // A return under a mask: the lanes that have returned must not trap on their negative index.
    source: 'function (a) { if (this.thread.x < 6) return 0; return a[this.thread.x - 6]; }',
    grid: [19],
    lengths: [13],
    expected: (x, _y, _z, [a]) => (x < 6 ? 0 : at(a, x - 6)),
  },
  {
    // A guarded load that runs over both ends.
    source: `function (a) {
      return (this.thread.x >= 3 && this.thread.x < 14) ? a[this.thread.x - 3 + this.thread.y * 11] : 0.5;
    }`,
    grid: [18, 3],
    lengths: [33],
    expected: (x, y, _z, [a]) => (x >= 3 && x < 14 ? at(a, x - 3 + y * 11) : 0.5),
  },
  {
    // Guards from both axes, taps unrolled, 3D with a uniform Math.floor: a padded convolution in small.
    source: `function (a, b) {
      let s = 0.0;
      for (let k = 0; k < 3; k++) {
        s += (this.thread.x >= 1 && this.thread.y + k >= 1 && this.thread.y + k < 6)
          ? a[Math.floor(this.thread.z / 2) * 35 + (this.thread.y + k - 1) * 7 + this.thread.x - 1] * b[k] : 0.0;
        s += a[Math.floor(this.thread.z / 2) * 35 + this.thread.y * 7 + this.thread.x] * b[k + 3];
      }
      return s;
    }`,
    grid: [7, 5, 4],
    lengths: [70, 6],
    expected: (x, y, z, [a, b]) =>
      sum(3, (k) => {
        const row = y + k - 1
        const plane = Math.floor(z / 2) * 35
        const tap = x >= 1 && row >= 0 && row < 5 ? at(a, plane + row * 7 + x - 1) * at(b, k) : 0
        return tap + at(a, plane + y * 7 + x) * at(b, k + 3)
      }),
  },
  {
    // A matmul with its counter inline; odd width, so vector spans and scalar tails both run.
    source: `function (a, b) {
      let s = 0.0;
      for (let k = 0; k < 3; k++) {
        s += a[this.thread.y * 6 + k * 2] * b[k * 2 * 9 + this.thread.x]
          + a[this.thread.y * 6 + k * 2 + 1] * b[(k * 2 + 1) * 9 + this.thread.x];
      }
      return s;
    }`,
    grid: [9, 5],
    lengths: [30, 54],
    expected: (x, y, _z, [a, b]) => sum(6, (k) => at(a, y * 6 + k) * at(b, k * 9 + x)),
  },
  {
    // Strides other than one, an index through a local, a counter used as a number, a break that differs by lane.
    source: `function (a, b) {
      const i = this.thread.x;
      let s = a[i] + a[this.thread.x * 2] - a[12 - this.thread.x] + a[2 * this.thread.x - this.thread.x];
      for (let k = 0; k < 8; k++) {
        if (k > this.thread.x) break;
        s += b[this.thread.x - k] * k;
      }
      return s;
    }`,
    grid: [13],
    lengths: [25, 13],
    expected: (x, _y, _z, [a, b]) =>
      at(a, x) * 2 + at(a, 2 * x) - at(a, 12 - x) + sum(Math.min(8, x + 1), (k) => at(b, x - k) * k),
  },
]
