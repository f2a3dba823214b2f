import type { Timers } from '../base/timers.ts'
import { nextTurn } from '../base/turn.ts'
import { crossed, wordOf } from './batches.ts'
import { CodecError } from './errors.ts'
import type { Engine } from './host/engine.ts'
import { TURN_MS } from './host/turns.ts'
import type {
  CrossingInput,
  InconsistencyInput,
  Outcome,
  RecoverInput,
  SliverBatches,
  SliverCodec,
  SourceSymbols,
  VerifyInconsistencyInput,
} from './interface.ts'
import { provenSymbols } from './jobs/expand.ts'
import { chooseSymbols } from './jobs/recover.ts'
import { type InconsistencyProof, type ProvenSymbol, verifySymbol } from './recovery.ts'
import type { BlobMetadata, SliverRef } from './types.ts'

/** Everything about single slivers: verify, recover, prove. */
export function sliverCodec(engine: Engine, batches: SliverBatches): SliverCodec {
  /** Rejects unless the symbols are what the metadata commits to, and give another sliver than it commits to. */
  const proveInconsistent = async (
    metadata: BlobMetadata,
    { target, symbols }: InconsistencyProof,
    signal?: AbortSignal,
  ): Promise<void> => {
    if (symbols.length > metadata.nShards) throw unproven('more symbols than slivers')
    const sliver = await orUnproven(async () => {
      await verifyEach(engine.timers, metadata, target, symbols, signal)
      return recoverOne({ metadata, target, symbols, verify: false, signal })
    })
    const [error] = await batches.verifySlivers([{ metadata, ref: target, bytes: sliver }], { signal })
    if (error === undefined) throw unproven('the sliver is the one that the metadata commits to')
  }

  const recoverOne = async ({ target, symbols, ...rest }: RecoverInput): Promise<Uint8Array> => {
    const [outcome] = await batches.recoverSlivers({ ...rest, targets: [target], received: symbols })
    return unwrap(outcome!)
  }

  return {
    async verifySliver(metadata, ref, bytes, options) {
      const [error] = await batches.verifySlivers([{ metadata, ref, bytes }], options)
      if (error !== undefined) throw error
    },

    async recoverySymbols({ proofs = false, signal, ...crossing }) {
      if (proofs) return provenSymbolsOf(engine, crossing, signal)
      const [outcome] = await batches.symbolsFor([crossing], { signal })
      return divided(unwrap(outcome!), crossing.targets.length)
    },

    recoverSliver: recoverOne,

    async proveInconsistency({ metadata, target, symbols, signal }: InconsistencyInput) {
      // those that `recoverSliver` takes: others may fit the metadata
      const chosen = await orUnproven(async () => chooseSymbols(wordOf(metadata, target.axis), 1, symbols))
      const proof = { target, symbols: chosen }
      await proveInconsistent(metadata, proof, signal)
      return proof
    },

    verifyInconsistencyProof: ({ metadata, proof, signal }: VerifyInconsistencyInput) =>
      proveInconsistent(metadata, proof, signal),
  }
}

/** Hashes some 100 MB a second on this thread, of symbols that come to 44 MB at most: so in turns. */
async function verifyEach(
  { monotonic }: Timers,
  metadata: BlobMetadata,
  target: SliverRef,
  symbols: readonly ProvenSymbol[],
  signal?: AbortSignal,
): Promise<void> {
  let began = monotonic()
  for (const symbol of symbols) {
    verifySymbol(metadata, target, symbol)
    if (monotonic() - began < TURN_MS) continue
    await nextTurn()
    signal?.throwIfAborted()
    began = monotonic()
  }
}

async function orUnproven<T>(prove: () => Promise<T>): Promise<T> {
  try {
    return await prove()
  } catch (cause) {
    if (cause instanceof CodecError && UNPROVEN.has(cause.code)) throw unproven(cause.message, cause)
    throw cause
  }
}

/** What makes a proof worthless, rather than the check impossible. */
const UNPROVEN: ReadonlySet<string> = new Set(['SYMBOL_MISMATCH', 'TOO_FEW_SYMBOLS', 'INVALID_ARGUMENT'])

async function provenSymbolsOf(
  engine: Engine,
  crossing: CrossingInput,
  signal?: AbortSignal,
): Promise<ProvenSymbol[]> {
  const { shape, body, wanted, index } = crossed(crossing)
  const symbols = await provenSymbols(engine, shape, { body, wanted }, signal)
  return symbols.map(({ data, path }) => ({ index, data, path }))
}

function divided({ index, data }: SourceSymbols, targets: number): ProvenSymbol[] {
  const size = data.length / targets
  return Array.from({ length: targets }, (_, i) => ({
    index,
    data: data.slice(i * size, (i + 1) * size),
    path: [],
  }))
}

function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.error !== undefined) throw outcome.error
  return outcome.value
}

function unproven(reason: string, cause?: unknown): CodecError {
  return new CodecError('PROOF_INVALID', `no proof of inconsistency: ${reason}`, { reason }, { cause })
}
