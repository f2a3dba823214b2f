import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { sealRecord } from '../../../../node/network/addresses/record.ts'
import { networkKeyFromSeed } from '../../../../node/network/peer-id.ts'

export const NOW = 1_800_000_000_000
export const PUBLIC = '/ip4/192.0.2.1/tcp/4001'

export interface Signer {
  key: PrivateKey
  peerId: string
  /** signed now, and with a public address, unless said otherwise */
  says(sequence?: number, multiaddrs?: readonly string[]): Promise<Uint8Array>
}

export async function signer(n: number): Promise<Signer> {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, n)
  const key = await networkKeyFromSeed(seed)
  return {
    key,
    peerId: peerIdFromPrivateKey(key).toString(),
    says: async (sequence = NOW, multiaddrs = [PUBLIC]) =>
      (await sealRecord(key, multiaddrs, sequence)).bytes,
  }
}
