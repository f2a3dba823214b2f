import { BlobEncoder } from '@mysten/walrus-wasm'
import { sliverLength } from '../../../codec/index.ts'

export interface OfficialEncoding {
  blobId: string
  /** BCS slivers by pair */
  primary: Uint8Array[]
  secondary: Uint8Array[]
}

/** What `@mysten/walrus-wasm` makes of a blob. */
export function officialEncode(data: Uint8Array, nShards: number): OfficialEncoding {
  const encoder = new BlobEncoder(nShards)
  const buffers = (axis: 'primary' | 'secondary') =>
    Array.from({ length: nShards }, () => new Uint8Array(sliverLength(nShards, data.length, axis)))
  const primary = buffers('primary')
  const secondary = buffers('secondary')
  const [metadata] = encoder.encode(data, primary, secondary) as [{ blob_id: number[] }]
  encoder.free()
  return { blobId: Buffer.from(metadata.blob_id).toString('base64url'), primary, secondary }
}
