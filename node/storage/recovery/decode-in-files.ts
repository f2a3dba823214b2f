import type { Committees } from '../../../chain/types/index.ts'
import {
  type Codec,
  encodingParams,
  type SliverBytes,
  sliverLength,
  sliverRef,
  symbolSize,
} from '../../../codec/index.ts'
import type { BlobMetadata, SliverPairIndex, SliverRef } from '../../../codec/types.ts'
import { diskTrouble } from '../store/disk-error.ts'
import type { ShardedSliverStore } from '../store/shard-slivers.ts'
import type { Decoded } from './by-decoding.ts'
import { firstSecondaries } from './decode-in-memory.ts'
import { type DecodingScratch, type ScratchFile, SliversInFile, sourceOf } from './decoding-files.ts'
import { type GatherPrimariesComponents, gatherPrimaries } from './gather-primaries.ts'
import { accusationOfDecoded } from './prove-inconsistency.ts'
import type { Patient } from './recovery.ts'
import { lackingSlivers, storeLacking } from './store-lacking.ts'

export interface InFilesComponents extends GatherPrimariesComponents {
  codec: Pick<
    Codec,
    'verifySlivers' | 'decodeStream' | 'encodeStream' | 'recoverySymbols' | 'proveInconsistency'
  >
  slivers: Pick<ShardedSliverStore, 'list' | 'get' | 'putMany'>
  scratch: DecodingScratch
  /** Throws DiskError when the disk has no room for so many bytes more. */
  expectRoom: (bytes: number) => Promise<void>
  windowBytes: number
}

/** Slivers in memory while they are gathered. */
const GATHERED_BYTES = 64 * 1024 * 1024

/** A blob that memory does not hold: decoded and encoded anew by way of files, a window of it in memory at a time. */
export class DecodeInFiles {
  readonly #components: InFilesComponents
  readonly #patient: Patient

  constructor(components: InFilesComponents, patient: Patient) {
    this.#components = components
    this.#patient = patient
  }

  /** Bytes of memory that it takes at most, beside what each thread of the codec has anyway. */
  static heldBytes({ nShards, unencodedLength }: BlobMetadata, windowBytes: number): number {
    // what is read, what follows from it, and one row or column at least
    const window = 2 * Math.max(windowBytes, 2 * nShards * symbolSize(nShards, unencodedLength))
    const sliver = sliverLength(nShards, unencodedLength, 'primary')
    return Math.max(window, Math.max(GATHERED_BYTES, 2 * sliver))
  }

  /** Rejects with the signal's reason, or with DiskError when the disk is full without these files as well. */
  async run(committees: Committees, signal: AbortSignal): Promise<Decoded> {
    const { expectRoom, log } = this.#components
    try {
      return await this.#run(committees, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (diskTrouble(error) !== 'ENOSPC') throw error
      // smaller ones may have room, now that the files are gone
      await expectRoom(0)
      const { blobId, metadata } = this.#patient
      const neededBytes = this.#neededBytes(metadata)
      log.warn({ blobId, neededBytes }, 'a large blob is not decoded: the disk has no room for it meanwhile')
      return 'lacking'
    }
  }

  async #run(committees: Committees, signal: AbortSignal): Promise<Decoded> {
    const { codec, slivers, nShards, scratch, windowBytes, expectRoom } = this.#components
    const { metadata } = this.#patient
    await expectRoom(this.#neededBytes(metadata))
    await using primariesFile = await scratch.file()
    const primaries = new SliversInFile(primariesFile, metadata)
    if (!(await this.#gather(primaries, committees, signal))) return 'lacking'
    await using blobFile = await scratch.file()
    await codec.decodeStream({
      metadata,
      available: primaries.refs,
      slivers: primaries,
      output: blobFile,
      windowBytes,
      signal,
    })
    await using encodedFile = await scratch.file()
    const wanted = await lackingSlivers({ slivers, nShards }, this.#patient)
    const encoded = await this.#encode(blobFile, encodedFile, wanted, signal)
    if (encoded.metadata.blobId === metadata.blobId) {
      const sliver = (ref: SliverRef): Promise<Uint8Array> => encoded.kept.whole(ref)
      await storeLacking({ slivers, nShards }, this.#patient, sliver, signal)
      return 'stored'
    }
    const evidence = {
      metadata,
      encoded: encoded.metadata,
      primaries: each(primaries, primaries.refs),
      // in the place of what was encoded before
      secondaries: () => this.#secondaries(blobFile, encodedFile, signal),
    }
    return { accusation: await accusationOfDecoded(codec, evidence, signal) }
  }

  async #gather(primaries: SliversInFile, committees: Committees, signal: AbortSignal): Promise<boolean> {
    const pairs = new Set<SliverPairIndex>()
    const sink = {
      pairs,
      async put({ ref, bytes }: SliverBytes) {
        primaries.take(ref)
        await primaries.write(ref, 0, bytes)
        pairs.add(ref.pair)
      },
    }
    const limits = { sink, heldBytes: GATHERED_BYTES, signal }
    return await gatherPrimaries(this.#components, this.#patient, committees, limits)
  }

  /** Encoded once more: few blobs are wrong, and of most of these the primary slivers prove it. */
  async *#secondaries(
    blobFile: ScratchFile,
    encodedFile: ScratchFile,
    signal: AbortSignal,
  ): AsyncGenerator<SliverBytes> {
    const { nShards, expectRoom } = this.#components
    const refs = firstSecondaries(nShards)
    await expectRoom(refs.length * sliverLength(nShards, this.#patient.metadata.unencodedLength, 'secondary'))
    const { kept } = await this.#encode(blobFile, encodedFile, refs, signal)
    yield* each(kept, refs)
  }

  /** Only some slivers are kept, and those that the codec reads again: secondary ones of columns behind the source's. */
  async #encode(
    blobFile: ScratchFile,
    encodedFile: ScratchFile,
    refs: readonly SliverRef[],
    signal: AbortSignal,
  ): Promise<{ metadata: BlobMetadata; kept: SliversInFile }> {
    const { codec, nShards, windowBytes } = this.#components
    const { metadata } = this.#patient
    const kept = new SliversInFile(encodedFile, metadata)
    for (const ref of [...repairColumns(nShards), ...refs]) kept.take(ref)
    const source = sourceOf(blobFile, metadata.unencodedLength)
    const encoded = await codec.encodeStream({ source, nShards, slivers: kept, windowBytes, signal })
    return { metadata: encoded.metadata, kept }
  }

  /** Of the disk: primary slivers, the blob, its repair columns, and what is lacking, in the files and in the store. */
  #neededBytes({ nShards, unencodedLength }: BlobMetadata): number {
    const { primarySymbols, secondarySymbols } = encodingParams(nShards)
    const primary = sliverLength(nShards, unencodedLength, 'primary')
    const secondary = sliverLength(nShards, unencodedLength, 'secondary')
    const lacking = 2 * this.#patient.shards.length * (primary + secondary)
    return primarySymbols * primary + unencodedLength + (nShards - secondarySymbols) * secondary + lacking
  }
}

/** Secondary slivers of the columns that hold repair symbols of the rows. */
function repairColumns(nShards: number): SliverRef[] {
  const { secondarySymbols } = encodingParams(nShards)
  return Array.from({ length: nShards - secondarySymbols }, (_, i) =>
    sliverRef(secondarySymbols + i, 'secondary', nShards),
  )
}

async function* each(slivers: SliversInFile, refs: readonly SliverRef[]): AsyncGenerator<SliverBytes> {
  for (const ref of refs) yield { ref, bytes: await slivers.whole(ref) }
}
