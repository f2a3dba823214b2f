import { equalBytes, expectInteger } from './bytes.ts'
import { CodecError } from './errors.ts'
import type { Arena } from './host/arena.ts'
import { Engine } from './host/engine.ts'
import type { Codec, CodecOptions, EncodedBlob } from './interface.ts'
import { type BlobLayout, sliverView } from './jobs/blob-layout.ts'
import { decodeBlob } from './jobs/decode.ts'
import { encodeInto } from './jobs/encode.ts'
import { expandSliver } from './jobs/expand.ts'
import { sliverHash } from './metadata.ts'
import { sliverSymbols, symbolSize } from './params.ts'
import { sliverBody } from './sliver.ts'
import type { BlobMetadata, SliverRef } from './types.ts'

/** Threads start at the first call that needs them. */
export function createCodec(options: CodecOptions = {}): Codec {
  return codecOn(new Engine(options))
}

export function codecOn(engine: Engine): Codec {
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

    async verifySliver(metadata, ref, bytes, { signal } = {}) {
      const { nShards, unencodedLength } = metadata
      const stored = {
        n: nShards,
        originals: sliverSymbols(nShards, ref.axis),
        symbolSize: symbolSize(nShards, unencodedLength),
        body: sliverBody(metadata, ref, bytes),
      }
      const { root } = await expandSliver(engine, stored, [], { signal })
      if (!equalBytes(root, sliverHash(metadata, ref))) {
        throw new CodecError(
          'SLIVER_MISMATCH',
          `${ref.axis} sliver ${ref.pair} does not match the metadata`,
          { ...ref },
        )
      }
    },

    close: () => engine.close(),
  }
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
    if (released) throw new CodecError('CLOSED', 'the encoded blob was released')
    expectInteger(pair, 0, layout.n - 1, 'sliver pair')
    return axis === 'primary'
      ? sliverView(arena.bytes, layout.rows, pair)
      : sliverView(arena.bytes, layout.columns, layout.n - 1 - pair)
  }
  return {
    metadata,
    rootHash,
    view,
    sliver: ref => view(ref).slice(),
    release() {
      if (!released) release()
      released = true
    },
  }
}
