import { BlobEncoder } from '@mysten/walrus-wasm'
import { type BlobMetadata, blobIdToBytes, sliverLength } from '../../../codec/index.ts'

/**
 * `@mysten/walrus-wasm` as `@mysten/walrus` uses it (its dist/wasm.mjs): an encoder and the buffers for each call, on the
 * calling thread.
 */
export class Official {
  readonly #nShards: number

  constructor(nShards: number) {
    this.#nShards = nShards
  }

  encode(data: Uint8Array): void {
    const buffers = (axis: 'primary' | 'secondary') =>
      Array.from(
        { length: this.#nShards },
        () => new Uint8Array(sliverLength(this.#nShards, data.length, axis)),
      )
    this.#use(encoder => encoder.encode(data, buffers('primary'), buffers('secondary')))
  }

  metadata(data: Uint8Array): void {
    this.#use(encoder => encoder.compute_metadata(data))
  }

  decode({ blobId, unencodedLength }: BlobMetadata, slivers: Uint8Array[]): Uint8Array {
    const output = new Uint8Array(unencodedLength)
    const id = Array.from(blobIdToBytes(blobId))
    this.#use(encoder => encoder.decode(id, BigInt(unencodedLength), slivers, output))
    return output
  }

  #use(work: (encoder: BlobEncoder) => void): void {
    const encoder = new BlobEncoder(this.#nShards)
    try {
      work(encoder)
    } finally {
      encoder.free()
    }
  }
}
