/** What a parameter of the network may be: by the contract, to whose bounds a test holds this table. */
export interface ParameterRule {
  /** as the contract, and `floe vote parameter`, call it */
  name: string
  least: number
  most: number
  /** what a network begins with */
  first: number
  /** what it is, for people */
  what: string
}

/** Every parameter that nodes vote on. Shares are in basis points. */
export const PARAMETERS = {
  rounds: { name: 'rounds', least: 1, most: 4, first: 1, what: 'challenges of an epoch' },
  draws: { name: 'draws', least: 16, most: 1_280, first: 640, what: 'pieces that each node is asked for' },
  openFrom: { name: 'open_from', least: 0, most: 4_000, first: 2_500, what: 'of a round, until it opens' },
  commitUntil: {
    name: 'commit_until',
    least: 4_500,
    most: 7_000,
    first: 5_500,
    what: 'of a round, until nodes have committed',
  },
  passUntil: {
    name: 'pass_until',
    least: 7_500,
    most: 9_500,
    first: 9_000,
    what: 'of a round, until nodes have passed',
  },
  burnedCommission: {
    name: 'burned_commission',
    least: 0,
    most: 10_000,
    first: 2_500,
    what: "of a failed node's commission, burned",
  },
  strikes: { name: 'strikes', least: 1, most: 20, first: 3, what: 'failures in a row that cost the place' },
  bench: { name: 'bench', least: 1, most: 20, first: 2, what: 'epochs without a place then' },
  settle: { name: 'settle', least: 1, most: 10, first: 2, what: 'epochs until stake leaves for free' },
  fee: { name: 'fee', least: 0, most: 1_000, first: 100, what: 'of a stake that leaves before' },
} as const satisfies Readonly<Record<string, ParameterRule>>

/** Key of a parameter in what this package answers. */
export type ParameterKey = keyof typeof PARAMETERS

/** Keys of all parameters, in the contract's order. */
export const PARAMETER_KEYS = Object.keys(PARAMETERS) as readonly ParameterKey[]
