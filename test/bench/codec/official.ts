import { BlobEncoder } from '@mysten/walrus-wasm'
import { type BlobMetadata, blobIdToBytes, sliverLength } from '../../../codec/index.ts'

/** `@mysten/walrus-wasm`: one thread, on the calling thread. */
export class Official {
  readonly #encoder: BlobEncoder
  readonly #nShards: number

  constructor(nShards: number) {
    this.#nShards = nShards
    this.#encoder = new BlobEncoder(nShards)
  }

  /** Buffers for the slivers of a blob, made outside of what is measured. */
  buffers(bytes: number): { primary: Uint8Array[]; secondary: Uint8Array[] } {
    const make = (axis: 'primary' | 'secondary') =>
      Array.from({ length: this.#nShards }, () => new Uint8Array(sliverLength(this.#nShards, bytes, axis)))
    return { primary: make('primary'), secondary: make('secondary') }
  }

  encode(data: Uint8Array, { primary, secondary }: ReturnType<Official['buffers']>): void {
    this.#encoder.encode(data, primary, secondary)
  }

  metadata(data: Uint8Array): void {
    this.#encoder.compute_metadata(data)
  }

  decode(metadata: BlobMetadata, slivers: Uint8Array[]): void {
    const id = Array.from(blobIdToBytes(metadata.blobId))
    this.#encoder.decode(
      id,
      BigInt(metadata.unencodedLength),
      slivers,
      new Uint8Array(metadata.unencodedLength),
    )
  }

  free(): void {
    this.#encoder.free()
  }
}
