import { type Case, subject } from './fixtures.ts'

/**
 * What the library does not have yet. These lists only shrink: test/pending.test.ts fails where an operation or method
 * below is mapped after all, and a case that passes in spite of its entry in `pendingSettings` fails.
 */
export const pendingOps: ReadonlySet<string> = new Set(
  `adaptive_avg_pool2d adaptive_max_pool2d atan bce bce_with_logits cdist ceil chunk clamp conv1d
   conv_transpose2d cos cosine_embedding_loss cosine_similarity cumprod cumsum diagonal dropout einsum elu embedding erf
   expm1 floor gaussian_nll_loss gelu group_norm hardsigmoid hardswish huber_loss index_add index_select instance_norm
   l1_loss layer_norm leaky_relu log1p log_sigmoid margin_ranking_loss masked_fill masked_select mish mse_loss nll_loss
   norm normalize pairwise_distance pixel_shuffle prod relu6 repeat roll round rsqrt select selu silu sin smooth_l1_loss
   softplus sort split std topk tril triplet_margin_loss triu trunc unfold upsample_bilinear upsample_nearest var
   clip_grad_norm clip_grad_value`.split(/\s+/),
)

export const pendingMethods: ReadonlySet<string> = new Set(
  `ab abf at byot cat_kd cc cc_rbf crd fitnet fitnet_convreg fsp ft ft_flat hcl ickd_c logit_standard_dkd
   logit_standard_kd mlld_batch mlld_class mlld_step nst ofd pkt review rkd sp srrl ttm vid wttm`.split(
    /\s+/,
  ),
)

/** Functions of `hvp` that need such operations. */
export const pendingFunctions: ReadonlySet<string> = new Set(['cosine', 'elementwise', 'layer_norm'])

/** Settings of operations that are there, which the library does not take yet. */
const pendingSettings: readonly {
  readonly op: string
  readonly reason: string
  applies(c: Case): boolean
}[] = [
  { op: 'max_pool2d', reason: 'ceil_mode', applies: ({ params }) => params.ceil_mode === true },
  { op: 'avg_pool2d', reason: 'ceil_mode', applies: ({ params }) => params.ceil_mode === true },
  {
    op: 'avg_pool2d',
    reason: 'count_include_pad: false',
    applies: ({ params }) => params.count_include_pad === false,
  },
  ...['adamw', 'rmsprop', 'adagrad'].map((algorithm) => ({
    op: 'optimizer',
    reason: algorithm,
    applies: ({ params }: Case) => params.algorithm === algorithm,
  })),
  { op: 'scheduler', reason: 'schedules but cosine', applies: ({ params }) => params.scheduler !== 'cosine' },
  {
    op: 'train_trace',
    reason: 'adamw',
    applies: ({ params }) => (params.optimizer as { algorithm?: string }).algorithm === 'adamw',
  },
  { op: 'conv2d', reason: "padding: 'same'", applies: ({ params }) => params.padding === 'same' },
  {
    op: 'pad',
    reason: 'modes other than constant',
    applies: ({ params }) => (params.mode ?? 'constant') !== 'constant',
  },
  { op: 'cross_entropy', reason: 'class weights', applies: ({ inputs }) => 'weight' in inputs },
  {
    op: 'cross_entropy',
    reason: 'ignore_index',
    applies: ({ inputs, params }) =>
      inputs.target?.dtype === 'int64' && inputs.target.data.includes(params.ignore_index as number),
  },
  {
    op: 'cross_entropy',
    reason: 'positions beside the batch',
    applies: ({ inputs }) => inputs.input?.shape.length !== 2,
  },
]

/** Why a case cannot be run yet, or null. */
export function pendingReason(c: Case): string | null {
  if (c.method !== undefined) return pendingMethods.has(c.method) ? `method ${c.method} is to come` : null
  if (pendingOps.has(subject(c))) return `op ${c.op} is to come`
  if (c.op === 'hvp' && pendingFunctions.has(String(c.params.function)))
    return `needs ops that are to come: ${c.params.function}`
  return null
}

/** Why a case whose operation is there must fail nevertheless, or null. */
export const pendingSetting = (c: Case): string | null =>
  pendingSettings.find(({ op, applies }) => op === c.op && applies(c))?.reason ?? null
