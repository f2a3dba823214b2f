import { equalBytes, expectInteger } from './bytes.ts'
import { CodecError } from './errors.ts'
import type { Engine } from './host/engine.ts'
import { nextTurn, TURN_MS } from './host/turns.ts'
import type {
  InconsistencyInput,
  RecoverInput,
  RecoverySymbolsInput,
  SliverCodec,
  VerifyInconsistencyInput,
} from './interface.ts'
import { expandSliver, type StoredSymbols } from './jobs/expand.ts'
import { chooseSymbols, type LostWord, recoverWord } from './jobs/recover.ts'
import { sliverHash } from './metadata.ts'
import { sliverSymbols, symbolSize } from './params.ts'
import { crossingAxis, type InconsistencyProof, type ProvenSymbol, verifySymbol } from './recovery.ts'
import { sliverBody, sliverFromBody, sliverIndex } from './sliver.ts'
import type { BlobMetadata, SliverRef } from './types.ts'

/** Everything about single slivers: verify, recover, prove. */
export function sliverCodec(engine: Engine): SliverCodec {
  /** The hash of a sliver with these symbols. */
  const hashOf = async (
    metadata: BlobMetadata,
    ref: SliverRef,
    body: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Uint8Array> => {
    const { root } = await expandSliver(engine, stored(metadata, ref, body), [], { signal })
    return root
  }

  const recoverBody = ({ metadata, target, symbols, signal }: RecoverInput): Promise<Uint8Array> => {
    expectInteger(target.pair, 0, metadata.nShards - 1, 'sliver pair')
    return recoverWord(engine, wordOf(metadata, target), symbols, signal)
  }

  /** Rejects unless the symbols are what the metadata commits to, and give another sliver than it commits to. */
  const proveInconsistent = async (
    metadata: BlobMetadata,
    { target, symbols }: InconsistencyProof,
    signal?: AbortSignal,
  ): Promise<void> => {
    if (symbols.length > metadata.nShards) throw unproven('more symbols than slivers')
    const body = await orUnproven(async () => {
      await verifyEach(metadata, target, symbols, signal)
      return recoverBody({ metadata, target, symbols, ...(signal && { signal }) })
    })
    if (equalBytes(await hashOf(metadata, target, body, signal), sliverHash(metadata, target))) {
      throw unproven('the sliver is the one that the metadata commits to')
    }
  }

  return {
    async verifySliver(metadata, ref, bytes, { signal } = {}) {
      const body = sliverBody(metadata, ref, bytes)
      if (!equalBytes(await hashOf(metadata, ref, body, signal), sliverHash(metadata, ref)))
        throw mismatch(ref)
    },

    recoverySymbols: input => symbolsFor(engine, input),

    async recoverSliver(input) {
      const { metadata, target, verify = true, signal } = input
      const body = await recoverBody(input)
      if (verify && !equalBytes(await hashOf(metadata, target, body, signal), sliverHash(metadata, target))) {
        throw mismatch(target)
      }
      const { nShards, unencodedLength } = metadata
      return sliverFromBody(nShards, target, symbolSize(nShards, unencodedLength), body)
    },

    async proveInconsistency({ metadata, target, symbols, signal }: InconsistencyInput) {
      // those that `recoverSliver` takes: others may fit the metadata
      const chosen = await orUnproven(async () => chooseSymbols(wordOf(metadata, target), symbols))
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
  metadata: BlobMetadata,
  target: SliverRef,
  symbols: readonly ProvenSymbol[],
  signal?: AbortSignal,
): Promise<void> {
  let began = performance.now()
  for (const symbol of symbols) {
    verifySymbol(metadata, target, symbol)
    if (performance.now() - began < TURN_MS) continue
    await nextTurn()
    signal?.throwIfAborted()
    began = performance.now()
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

/** The codeword that a sliver is the first part of. */
function wordOf({ nShards, unencodedLength }: BlobMetadata, { axis }: SliverRef): LostWord {
  return {
    n: nShards,
    originals: sliverSymbols(nShards, axis),
    symbolSize: symbolSize(nShards, unencodedLength),
  }
}

function stored(metadata: BlobMetadata, ref: SliverRef, body: Uint8Array): StoredSymbols {
  return { ...wordOf(metadata, ref), body }
}

/** Symbols of a stored sliver at its crossings with the targets. */
async function symbolsFor(
  engine: Engine,
  { metadata, source, bytes, targets, proofs = false, signal }: RecoverySymbolsInput,
): Promise<ProvenSymbol[]> {
  const { nShards } = metadata
  const symbols = stored(metadata, source, sliverBody(metadata, source, bytes))
  const { originals, symbolSize: size, body } = symbols
  const wanted = targets.map(target => {
    if (target.axis !== crossingAxis(source.axis))
      throw new CodecError('INVALID_ARGUMENT', 'slivers do not cross')
    return expectInteger(sliverIndex(target, nShards), 0, nShards - 1, 'sliver')
  })
  const index = sliverIndex(source, nShards)
  // the stored symbols are originals: without proofs they need no expansion
  if (!proofs && wanted.every(at => at < originals)) {
    return wanted.map(at => ({ index, data: body.slice(at * size, (at + 1) * size), path: [] }))
  }
  const expanded = await expandSliver(engine, symbols, wanted, { proofs, signal })
  return expanded.symbols.map(({ data, path }) => ({ index, data, path }))
}

function mismatch(ref: SliverRef): CodecError {
  return new CodecError('SLIVER_MISMATCH', `${ref.axis} sliver ${ref.pair} does not match the metadata`, {
    ...ref,
  })
}

function unproven(reason: string, cause?: unknown): CodecError {
  return new CodecError('PROOF_INVALID', `no proof of inconsistency: ${reason}`, { reason }, { cause })
}
