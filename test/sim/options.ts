import type { RoundTerms } from './rounds.ts'
import type { Trace } from './trace.ts'

export interface SimOptions {
  seed: number
  nodes: number
  shards: number
  /** in all; those that are not stored while it runs are there from the beginning */
  blobs: number
  /** of these, stored by clients while it runs */
  uploads: number
  epochs: number
  /** a folder for real stores and the real codec; tokens when absent */
  path?: string | undefined
  /** rounds of storage challenges; none when absent */
  challenges?: RoundTerms | undefined
  /** In the middle everybody loses every sliver: that must be found. */
  sabotage?: boolean
  /** Said now and then of how it goes. */
  onProgress?: (text: string) => void
}

export interface SimResult {
  digest: string
  events: number
  epochs: number
  virtualMs: number
  steps: number
  blobs: number
  uploads: { stored: number; failed: Readonly<Record<string, number>> }
  reads: { right: number; again: number }
  deleted: number
  faults: Readonly<Record<string, number>>
  accused: number
  requests: number
  bytes: number
  checks: Readonly<Record<number, number>>
  lost: number
  /** Rounds that were opened; of members and epochs, how many passed, failed, or did where too few passed; nodes that were due to pass, and that could not. */
  challenges?: { opened: number; passed: number; failed: number; void: number; due: number; lacking: number }
}

/** What a seed has found: how to run it again, and what happened last. */
export class SimFailure extends Error {
  readonly step: number
  readonly last: readonly string[]

  /** `nodes`: how they stood */
  constructor(options: SimOptions, step: number, trace: Trace, nodes: string, cause: unknown) {
    const { seed, shards, blobs, uploads, epochs, path, challenges } = options
    const size = `--nodes ${options.nodes} --shards ${shards} --blobs ${blobs} --uploads ${uploads} --epochs ${epochs}`
    const what = cause instanceof Error ? cause.message : String(cause)
    const terms = challenges && ` --challenges --rounds ${challenges.rounds} --draws ${challenges.draws}`
    const again = `npm run sim -- --seed ${seed} ${size}${path === undefined ? '' : ' --real'}${terms ?? ''}`
    super(`seed ${seed}, step ${step}: ${what}\n${again}\n${trace.last.join('\n')}\n${nodes}`, { cause })
    this.name = 'SimFailure'
    this.step = step
    this.last = trace.last
  }
}
