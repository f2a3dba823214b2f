import { sliverBatches } from './batches.ts'
import { expectInteger } from './bytes.ts'
import { CodecError } from './errors.ts'
import type { Arena } from './host/arena.ts'
import { Engine } from './host/engine.ts'
import type { Codec, CodecOptions, EncodedBlob } from './interface.ts'
import { type BlobLayout, sliverView } from './jobs/blob-layout.ts'
import { decodeBlob } from './jobs/decode.ts'
import { encodeInto } from './jobs/encode.ts'
import { wordRoots } from './jobs/expand.ts'
import { computeBlobId, PAIR_HASHES } from './metadata.ts'
import { decodeRange } from './range.ts'
import { verifySymbol } from './recovery.ts'
import { sliverCodec } from './slivers.ts'
import { decodeStream } from './stream/decode.ts'
import { encodeStream } from './stream/encode.ts'
import type { BlobMetadata, SliverRef } from './types.ts'

/** Threads start at the first call that needs them. */
export function createCodec(options: CodecOptions = {}): Codec {
  return codecOn(new Engine(options))
}

/** The codec on threads and memory of the caller's choice. */
export function codecOn(engine: Engine): Codec {
  const batches = sliverBatches(engine)
  const slivers = sliverCodec(engine, batches)
  return {
    async encode(data, nShards, { signal } = {}) {
      const { arena, layout, metadata, rootHash } = await encodeInto(engine, data, nShards, 'slivers', signal)
      return encodedBlob(arena, layout, metadata, rootHash, () => engine.arenas.release(arena))
    },

    async metadata(data, nShards, { signal } = {}) {
      const { arena, metadata } = await encodeInto(engine, data, nShards, 'message', signal)
      engine.arenas.release(arena)
      return metadata
    },

    decode: input => decodeBlob(engine, input),

    decodeRange: input => decodeRange(engine, slivers, input),

    ...slivers,
    ...batches,
    isMetadata: metadata => isMetadata(engine, metadata),
    verifySymbol,

    encodeStream: input => encodeStream(engine, input),
    decodeStream: input => decodeStream(engine, input),

    warm() {
      engine.pool.warm()
      void engine.field
    },
    close: () => engine.close(),
    [Symbol.asyncDispose]: () => engine.close(),
  }
}

async function isMetadata(
  engine: Engine,
  { blobId, unencodedLength, nShards, hashes }: BlobMetadata,
): Promise<boolean> {
  if (nShards < 1 || hashes.length !== nShards * PAIR_HASHES) return false
  // a pair's hashes are a leaf: the tree is that of a codeword of which all symbols are there
  const shape = { n: nShards, originals: nShards, symbolSize: PAIR_HASHES }
  const [root] = await wordRoots(engine, shape, [hashes])
  return computeBlobId(unencodedLength, root!) === blobId
}

function encodedBlob(
  arena: Arena,
  layout: BlobLayout,
  metadata: BlobMetadata,
  rootHash: Uint8Array,
  release: () => void,
): EncodedBlob {
  let released = false
  const view = ({ pair, axis }: SliverRef): Uint8Array => {
    if (released) throw new CodecError('CLOSED', 'the encoded blob was released', {})
    expectInteger(pair, 0, layout.n - 1, 'sliver pair')
    return axis === 'primary'
      ? sliverView(arena.bytes, layout.rows, pair)
      : sliverView(arena.bytes, layout.columns, layout.n - 1 - pair)
  }
  const releaseOnce = () => {
    if (!released) release()
    released = true
  }
  return {
    metadata,
    rootHash,
    view,
    sliver: ref => view(ref).slice(),
    release: releaseOnce,
    [Symbol.dispose]: releaseOnce,
  }
}
