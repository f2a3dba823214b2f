import { raceSignal } from 'race-signal'
import type { Semaphore } from '../../../base/semaphore.ts'
import { anySignal } from '../../../base/wait.ts'
import {
  type BlobSource,
  CodecError,
  encodingParams,
  quiltInBlob,
  rangeSlivers,
  shardOfPair,
  sliverBody,
  sliverFrame,
  sliverLength,
  sliverRef,
  symbolSize,
} from '../../../codec/index.ts'
import type { BlobId, BlobMetadata, ObjectId, SliverPairIndex, SliverRef } from '../../../codec/types.ts'
import type { NodeMetrics } from '../../metrics.ts'
import { Answers } from '../answers.ts'
import { ClientError } from '../errors.ts'
import { toClientError } from '../to-client-error.ts'
import type { BlobHandle, ByteRange, HandleReadOptions, Liar, ReadCheck, ReadResult } from '../types.ts'
import { type DownloadComponents, readWhole, throwIfGone } from './download.ts'
import { type EncodingAgain, encodeAgain, type ProvenBlob } from './encoded-again.ts'
import { fetchSliver, type SliverLine } from './fetch-sliver.ts'
import { findMetadata } from './find-metadata.ts'
import { keptSliver } from './kept-sliver.ts'
import type { Owners } from './owners.ts'
import type { RowSpool } from './recover-rows.ts'
import { recoverRows } from './recover-rows.ts'

export interface BlobHandleComponents extends DownloadComponents {
  metrics: Pick<NodeMetrics, 'download'>
  /** One of a client decodes at a time what does not fit into memory: capacity 1. */
  decoding: Semaphore
  /** where rows lie that must be decoded */
  createSpool: (metadata: BlobMetadata) => Promise<RowSpool>
  /** of large ones; all are encoded again in memory when absent */
  encodingAgain?: EncodingAgain | undefined
}

/** Up to so many bytes the whole blob is as fast as a part of it, and is checked as a whole. */
const WHOLE_FOR_PART_BYTES = 256 * 1024
/** A whole blob of so many bytes is read at once, from the nodes that are fastest. */
const WHOLE_BYTES = 4 * 2 ** 20
/** What is fetched ahead of the consumer. */
const AHEAD_BYTES = 16 * 2 ** 20
const MAX_AHEAD = 12

export interface OpenOptions {
  signal: AbortSignal
  /** aborts when the client closes */
  closing: AbortSignal
  /** those that are open */
  handles: Set<BlobHandle>
}

/** A blob whose metadata is known. Nothing else is fetched before it is read. Throws ClientError. */
export async function openBlob(
  given: BlobHandleComponents,
  owners: Owners,
  blobId: BlobId,
  { signal, closing, handles }: OpenOptions,
): Promise<BlobHandle> {
  const liars = new Map<string, Liar>()
  const components: BlobHandleComponents = {
    ...given,
    accuse(member, what, about) {
      const { nodeId, name } = member
      if (what !== 'confirmation') liars.set(`${nodeId} ${what}`, { nodeId, name, what })
      given.accuse(member, what, about)
    },
  }
  const metadata = await findMetadata(components, owners, blobId, { signal })
  const handle = createBlobHandle(components, { owners, metadata, liars, closing, handles })
  handles.add(handle)
  return handle
}

interface Found extends Omit<OpenOptions, 'signal'> {
  owners: Owners
  metadata: BlobMetadata
  liars: ReadonlyMap<string, Liar>
}

function createBlobHandle(
  components: BlobHandleComponents,
  { owners: found, metadata, liars, closing, handles }: Found,
): BlobHandle {
  const { blobId, nShards, unencodedLength: size } = metadata
  const closed = new AbortController()
  const ending = anySignal(closing, closed.signal)
  // a handle may outlast epochs
  let owners = found
  const ownersOf = (pair: SliverPairIndex) => owners.of(shardOfPair(pair, blobId, nShards))
  const sliverBytes = sliverLength(nShards, size, 'primary')
  const { header, bodyBytes: rowBytes } = sliverFrame(metadata, {
    pair: 0 as SliverPairIndex,
    axis: 'primary',
  })
  const ahead = Math.max(2, Math.min(MAX_AHEAD, Math.floor(AHEAD_BYTES / sliverBytes)))
  const failed = new Set<ObjectId>()
  const line: SliverLine = { answers: new Answers(), steppedAt: Number.NEGATIVE_INFINITY }
  let recovering: Promise<RowSpool> | undefined
  let whole: Promise<ReadResult> | undefined
  let proving: Promise<ProvenBlob> | undefined
  const { encodingAgain } = components

  const clamp = ({ start = 0, end = size }: Partial<ByteRange> = {}): ByteRange => {
    for (const [option, value] of Object.entries({ start, end })) {
      if (!Number.isSafeInteger(value) || value < 0)
        throw new ClientError('INVALID_OPTION', `${option} is not a position within a blob`, {
          option,
          reason: `it cannot be ${value}`,
        })
    }
    return { start: Math.min(start, size), end: Math.max(Math.min(start, size), Math.min(end, size)) }
  }
  const isWhole = ({ start, end }: ByteRange, check: ReadCheck | undefined) =>
    check === undefined
      ? size <= WHOLE_FOR_PART_BYTES || (size <= WHOLE_BYTES && end - start === size)
      : check === 'blob' && !isByDisk(check)
  const isByDisk = (check: ReadCheck | undefined) =>
    check === 'blob' && encodingAgain !== undefined && size > encodingAgain.aboveBytes
  /** From any of its owners, those of a later epoch too. */
  const fetchRow = async (pair: SliverPairIndex, signal: AbortSignal) => {
    const kept = await keptSliver(components, metadata, pair, signal)
    if (kept !== undefined) return kept
    const bytes = await fetch({ pair, axis: 'primary' }, signal)
    if (bytes !== undefined) components.slivers?.put(blobId, pair, bytes)
    return bytes
  }
  const fetch = async (ref: SliverRef, signal: AbortSignal) => {
    const asked = new Set<ObjectId>()
    for (;;) {
      const open = ownersOf(ref.pair).filter(({ nodeId }) => !asked.has(nodeId))
      const owner = open.find(({ nodeId }) => !failed.has(nodeId)) ?? open[0]
      if (owner === undefined) return undefined
      asked.add(owner.nodeId)
      const bytes = await fetchSliver(components, metadata, ref, owner, { line, signal })
      if (bytes !== undefined) return bytes
      failed.add(owner.nodeId)
      await renew(signal)
    }
  }
  const renew = async (signal: AbortSignal) => {
    const newer = await components.owners.renewed(owners, blobId, { signal }).catch(error => {
      signal.throwIfAborted()
      components.log.debug({ err: error }, 'the committee could not be read again')
      return undefined
    })
    owners = newer ?? owners
  }

  /** Bytes of a verified row that are asked for. What lies behind the blob's end is zero in any that was encoded rightly. */
  function partOf(row: number, bytes: Uint8Array, { start, end }: ByteRange): Uint8Array {
    const body = bytes.subarray(header.length, header.length + rowBytes)
    const at = row * rowBytes
    if (at + rowBytes > size && body.subarray(size - at).some(byte => byte !== 0)) throw invalid()
    return body.subarray(Math.max(0, start - at), Math.min(rowBytes, end - at))
  }
  const invalid = (cause?: unknown) =>
    new ClientError('BLOB_INVALID', `blob ${blobId} was encoded wrongly`, { blobId }, { cause })

  /** Rows in order, each verified; some are on their way while the consumer works on one. */
  async function* rows(range: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const refs = rangeSlivers(metadata, range.start, range.end)
    const over = new AbortController()
    const inner = anySignal(signal, over.signal)
    const coming: Promise<Uint8Array | undefined>[] = []
    let next = 0
    const begin = (pair: SliverPairIndex): void => {
      const row = fetchRow(pair, inner)
      // it is awaited in its turn, or never when the one before fails
      row.catch(() => undefined)
      coming.push(row)
    }
    try {
      for (const [at, { pair }] of refs.entries()) {
        while (recovering === undefined && next < refs.length && coming.length < ahead)
          begin(refs[next++]!.pair)
        const bytes = await coming.shift()
        if (bytes === undefined) {
          over.abort(new DOMException('a row is missing', 'AbortError'))
          coming.length = 0
          yield* recovered(refs.slice(at), range, signal)
          return
        }
        yield partOf(pair, bytes, range)
      }
    } finally {
      over.abort(new DOMException('the read is over', 'AbortError'))
      await Promise.allSettled(coming)
    }
  }

  /** Rows some of which cannot be had from their owners: decoded from slivers of others. */
  async function* recovered(
    refs: readonly { pair: SliverPairIndex }[],
    range: ByteRange,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    for (const { pair } of refs) yield partOf(pair, await recoveredRow(pair, signal), range)
  }

  /** One of them. */
  async function recoveredRow(pair: SliverPairIndex, signal: AbortSignal): Promise<Uint8Array> {
    // for all reads of this handle; it ends with the handle, not with one of them
    if (recovering === undefined) {
      const mine = recover()
      recovering = mine
      mine.catch(() => {
        recovering = undefined
      })
    }
    const spool = await raceSignal(recovering, signal)
    signal.throwIfAborted()
    const bytes = await spool.row(pair)
    if (spool.pairs.has(pair)) return bytes
    try {
      await components.codec.verifySliver(metadata, { pair, axis: 'primary' }, bytes, { signal })
      return bytes
    } catch (error) {
      // of slivers that are all as the metadata says
      if (error instanceof CodecError && error.code === 'SLIVER_MISMATCH') throw invalid(error)
      throw error
    }
  }

  async function recover(): Promise<RowSpool> {
    const spool = await components.createSpool(metadata)
    try {
      const { have, needed } = await recoverRows({
        metadata,
        spool,
        codec: components.codec,
        ownersOf,
        failed,
        fetch: pair => fetchRow(pair, ending),
        atOnce: ahead,
        decoding: components.decoding,
        signal: ending,
      })
      if (have < needed) {
        await throwIfGone(components, owners, blobId, ending)
        throw new ClientError(
          'TOO_FEW_SHARDS',
          `${have} shards gave their part of blob ${blobId}; ${needed} are needed${line.answers.tell()}`,
          { blobId, answeredShards: have, neededShards: needed, nodes: line.answers.list() },
        )
      }
      return spool
    } catch (error) {
      await spool[Symbol.asyncDispose]()
      throw error
    }
  }

  /** All of it encoded again, once for all reads of this handle; as `recover`, it ends with the handle. */
  function proven(by: EncodingAgain): Promise<ProvenBlob> {
    if (proving !== undefined) return proving
    const mine = encodeAgain(by, metadata, rows({ start: 0, end: size }, ending), ending).then(blob => {
      if (blob === undefined) throw invalid()
      return blob
    })
    proving = mine
    mine.catch(() => {
      proving = undefined
    })
    return mine
  }

  async function* pieces(range: ByteRange, options: HandleReadOptions): AsyncGenerator<Uint8Array> {
    const { onProgress } = options
    const signal = anySignal(options.signal, ending)
    signal.throwIfAborted()
    const total = range.end - range.start
    if (total === 0) return
    if (isWhole(range, options.check)) {
      const { data } = await readWhole(components, owners, blobId, { signal, onProgress })
      yield data.subarray(range.start, range.end)
      return
    }
    let done = 0
    onProgress?.({ phase: 'fetch', done, total })
    const checked =
      encodingAgain !== undefined && isByDisk(options.check)
        ? (await raceSignal(proven(encodingAgain), signal)).stream(range, signal)
        : rows(range, signal)
    for await (const piece of checked) {
      yield piece
      done += piece.length
      onProgress?.({ phase: 'fetch', done, total })
    }
  }

  async function* stream(options: HandleReadOptions = {}): AsyncGenerator<Uint8Array> {
    const startedAt = components.clock.monotonic()
    let outcome = 'ABORTED'
    let bytes = 0
    try {
      for await (const piece of pieces(clamp(options), options)) {
        bytes += piece.length
        yield piece
      }
      outcome = 'ok'
    } catch (cause) {
      const error = toClientError(cause)
      if (error instanceof ClientError) outcome = error.code
      throw error
    } finally {
      components.metrics.download(outcome, bytes, components.clock.monotonic() - startedAt)
    }
  }

  async function read(options: HandleReadOptions = {}): Promise<Uint8Array> {
    const { start, end } = clamp(options)
    const pieces = stream({ ...options, start, end })
    const out = new Uint8Array(end - start)
    let at = 0
    for await (const piece of pieces) {
      if (piece.length === out.length) return piece
      out.set(piece, at)
      at += piece.length
    }
    return out
  }

  /** From its secondary sliver, when its node gives it; else of rows that must be decoded. */
  async function columnOf(index: number, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted()
    if (size <= WHOLE_BYTES) {
      if (whole === undefined) {
        const mine = readWhole(components, owners, blobId, { signal: ending })
        whole = mine
        mine.catch(() => {
          whole = undefined
        })
      }
      const { data } = await raceSignal(whole, signal)
      return await quiltInBlob(blobId, data, nShards).column(index, { signal })
    }
    const ref = sliverRef(index, 'secondary', nShards)
    const sliver = await fetch(ref, signal)
    if (sliver !== undefined) return sliverBody(metadata, ref, sliver)
    const { primarySymbols } = encodingParams(nShards)
    const symbol = symbolSize(nShards, size)
    const column = new Uint8Array(primarySymbols * symbol)
    for (let row = 0; row < primarySymbols; row++) {
      const bytes = await recoveredRow(row as SliverPairIndex, signal)
      const at = header.length + index * symbol
      column.set(bytes.subarray(at, at + symbol), row * symbol)
    }
    return column
  }

  async function verifiedBytes(
    source: BlobSource,
    { signal: given }: { signal?: AbortSignal } = {},
  ): Promise<number> {
    const signal = anySignal(given, ending)
    const { primarySymbols } = encodingParams(nShards)
    const { trailer } = sliverFrame(metadata, { pair: 0 as SliverPairIndex, axis: 'primary' })
    for (let row = 0; row < primarySymbols; row++) {
      const at = row * rowBytes
      const length = Math.max(0, Math.min(rowBytes, size - at))
      if (length === 0) return size
      if (source.length < at + length) return at
      const ref = { pair: row as SliverPairIndex, axis: 'primary' as const }
      const bytes = new Uint8Array(sliverBytes)
      bytes.set(header)
      await source.read(at, bytes.subarray(header.length, header.length + length))
      bytes.set(sliverFrame(metadata, ref).trailer, sliverBytes - trailer.length)
      try {
        await components.codec.verifySliver(metadata, ref, bytes, { signal })
      } catch (error) {
        if (error instanceof CodecError && error.code === 'SLIVER_MISMATCH') return at
        throw error
      }
    }
    return size
  }

  const handle: BlobHandle = {
    blobId,
    size,
    metadata,
    get liars() {
      return [...liars.values()]
    },
    read,
    stream,
    memoryFor(asked, check) {
      const range = clamp(asked)
      if (range.start === range.end) return 0
      if (isByDisk(check)) return ahead * sliverBytes
      if (isWhole(range, check)) return size
      return Math.min(ahead, rangeSlivers(metadata, range.start, range.end).length) * sliverBytes
    },
    verifiedBytes,
    async column(index, { signal } = {}) {
      try {
        return await columnOf(index, anySignal(signal, ending))
      } catch (error) {
        throw toClientError(error)
      }
    },
    async close() {
      if (closed.signal.aborted) return
      closed.abort(new ClientError('CLOSED', 'the blob was closed', {}))
      const spool = await recovering?.catch(() => undefined)
      await spool?.[Symbol.asyncDispose]()
      const blob = await proving?.catch(() => undefined)
      await blob?.[Symbol.asyncDispose]()
      handles.delete(handle)
    },
    [Symbol.asyncDispose]: () => handle.close(),
  }
  return handle
}
