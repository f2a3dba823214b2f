import { equalBytes } from '../base/bytes.ts'
import { expectInteger } from './bytes.ts'
import { CodecError } from './errors.ts'
import type { Engine } from './host/engine.ts'
import type {
  CallOptions,
  CrossingInput,
  Outcome,
  RecoverManyInput,
  SliverBatches,
  SliverOfBlob,
  SourceSymbols,
} from './interface.ts'
import type { WordShape } from './jobs/batch.ts'
import { wordRoots, wordSymbols } from './jobs/expand.ts'
import { chooseSymbols, recoverWords } from './jobs/recover.ts'
import { sliverHash } from './metadata.ts'
import { SLIVER_TRAILER, sliverSymbols, symbolSize } from './params.ts'
import { crossingAxis } from './recovery.ts'
import { sliverBody, sliverFromBody, sliverIndex } from './sliver.ts'
import type { Axis, BlobMetadata, SliverRef } from './types.ts'

/** Many slivers at a time. The single forms are batches of one, so that both give the same bytes and the same errors. */
export function sliverBatches(engine: Engine): SliverBatches {
  return {
    verifySlivers: (slivers, options) => verifySlivers(engine, slivers, options),
    symbolsFor: (crossings, options) => symbolsFor(engine, crossings, options),
    recoverSlivers: input => recoverSlivers(engine, input),
  }
}

async function verifySlivers(
  engine: Engine,
  slivers: readonly SliverOfBlob[],
  { signal }: CallOptions = {},
): Promise<(CodecError | undefined)[]> {
  const errors: (CodecError | undefined)[] = []
  const groups = new Groups<Uint8Array>()
  for (const [at, { metadata, ref, bytes }] of slivers.entries()) {
    errors.push(errorOf(() => groups.add(at, wordOf(metadata, ref.axis), sliverBody(metadata, ref, bytes))))
  }
  for (const { shape, members } of groups.list) {
    const roots = await wordRoots(
      engine,
      shape,
      members.map(({ value }) => value),
      signal,
    )
    for (const [i, { at }] of members.entries()) {
      const { metadata, ref } = slivers[at]!
      if (!equalBytes(roots[i]!, sliverHash(metadata, ref))) errors[at] = mismatch(ref)
    }
  }
  return errors
}

async function symbolsFor(
  engine: Engine,
  crossings: readonly CrossingInput[],
  { signal }: CallOptions = {},
): Promise<Outcome<SourceSymbols>[]> {
  const outcomes: Outcome<SourceSymbols>[] = []
  const groups = new Groups<{ body: Uint8Array; wanted: number[]; index: number }>()
  for (const [at, crossing] of crossings.entries()) {
    const error = errorOf(() => {
      const { shape, body, wanted, index } = crossed(crossing)
      // the stored symbols are originals: they need no expansion
      if (wanted.every(symbol => symbol < shape.originals)) {
        outcomes[at] = { value: { index, data: pick(body, wanted, shape.symbolSize) } }
      } else {
        groups.add(at, shape, { body, wanted, index })
      }
    })
    if (error !== undefined) outcomes[at] = { error }
  }
  for (const { shape, members } of groups.list) {
    const words = members.map(({ value }) => value)
    const symbols = await wordSymbols(engine, shape, words, signal)
    for (const [i, { at, value }] of members.entries()) {
      outcomes[at] = { value: { index: value.index, data: symbols[i]! } }
    }
  }
  return outcomes
}

async function recoverSlivers(engine: Engine, input: RecoverManyInput): Promise<Outcome<Uint8Array>[]> {
  const { metadata, targets, received, verify = true, signal } = input
  const [first] = targets
  if (first === undefined) return []
  const { nShards } = metadata
  let shape: WordShape
  let chosen: SourceSymbols[]
  try {
    shape = wordOf(metadata, first.axis)
    chosen = chooseSymbols(shape, targets.length, received)
  } catch (error) {
    // every target has the same symbols, and the same fault; what is wrong with itself comes first
    return targets.map(target => ({ error: wrongTarget(target, first.axis, nShards) ?? codecError(error) }))
  }
  const { symbolSize: size } = shape
  const slivers = await recoverWords(
    engine,
    shape,
    targets.length,
    chosen,
    (body, i) => sliverFromBody(nShards, targets[i]!, size, body),
    signal,
  )
  const bodies = slivers.map(bytes =>
    bytes.subarray(-shape.originals * size - SLIVER_TRAILER, -SLIVER_TRAILER),
  )
  const roots = verify ? await wordRoots(engine, shape, bodies, signal) : []
  return targets.map((target, i) => {
    const error = wrongTarget(target, first.axis, nShards)
    if (error !== undefined) return { error }
    if (verify && !equalBytes(roots[i]!, sliverHash(metadata, target))) return { error: mismatch(target) }
    return { value: slivers[i]! }
  })
}

/** Codewords of one shape together, with their places in the list that they are from. */
class Groups<T> {
  readonly list: { shape: WordShape; members: { at: number; value: T }[] }[] = []
  #last: (typeof this.list)[number] | undefined

  add(at: number, shape: WordShape, value: T): void {
    if (this.#last === undefined || !sameShape(this.#last.shape, shape)) {
      this.#last = this.list.find(group => sameShape(group.shape, shape))
      if (this.#last === undefined) {
        this.#last = { shape, members: [] }
        this.list.push(this.#last)
      }
    }
    this.#last.members.push({ at, value })
  }
}

function sameShape(a: WordShape, b: WordShape): boolean {
  return a.n === b.n && a.originals === b.originals && a.symbolSize === b.symbolSize
}

/** The codeword that a sliver of an axis is the first part of. */
export function wordOf({ nShards, unencodedLength }: BlobMetadata, axis: Axis): WordShape {
  return {
    n: nShards,
    originals: sliverSymbols(nShards, axis),
    symbolSize: symbolSize(nShards, unencodedLength),
  }
}

/** A stored sliver as a codeword, its row or column, and which of its symbols are those at the crossings. */
export function crossed({ metadata, source, bytes, targets }: CrossingInput): {
  shape: WordShape
  body: Uint8Array
  index: number
  wanted: number[]
} {
  const { nShards } = metadata
  const body = sliverBody(metadata, source, bytes)
  const wanted = targets.map(target => {
    if (target.axis !== crossingAxis(source.axis))
      throw new CodecError('INVALID_ARGUMENT', 'slivers do not cross', { what: 'axis', value: target.axis })
    return expectInteger(sliverIndex(target, nShards), 0, nShards - 1, 'sliver')
  })
  return { shape: wordOf(metadata, source.axis), body, index: sliverIndex(source, nShards), wanted }
}

function pick(body: Uint8Array, symbols: readonly number[], size: number): Uint8Array {
  const data = new Uint8Array(symbols.length * size)
  for (const [i, symbol] of symbols.entries()) {
    data.set(body.subarray(symbol * size, (symbol + 1) * size), i * size)
  }
  return data
}

function wrongTarget({ pair, axis }: SliverRef, expected: Axis, nShards: number): CodecError | undefined {
  return errorOf(() => {
    if (axis !== expected)
      throw new CodecError(
        'INVALID_ARGUMENT',
        'slivers of both axes share no symbols: recover each axis by itself',
        { what: 'axis', value: axis },
      )
    expectInteger(pair, 0, nShards - 1, 'sliver pair')
  })
}

function errorOf(check: () => void): CodecError | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    return codecError(error)
  }
}

/** What is wrong with a member of a batch; anything else is not the member's. */
function codecError(error: unknown): CodecError {
  if (error instanceof CodecError) return error
  throw error
}

function mismatch(ref: SliverRef): CodecError {
  return new CodecError('SLIVER_MISMATCH', `${ref.axis} sliver ${ref.pair} does not match the metadata`, {
    ...ref,
  })
}
