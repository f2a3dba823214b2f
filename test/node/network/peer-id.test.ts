import assert from 'node:assert/strict'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import {
  networkKeyFromSeed,
  networkPublicKeyFromSeed,
  peerIdFromNetworkKey,
  peerIdTextOf,
} from '../../../node/network/peer-id.ts'

const seed = Uint8Array.from({ length: 32 }, (_, i) => i)

describe('PeerId of a network key', () => {
  it('is that of the libp2p key of the same seed', async () => {
    const onChain = await networkPublicKeyFromSeed(seed)
    assert.equal(onChain.length, 33)
    assert.equal(onChain[0], 0)
    // known answer: Ed25519 of the seed 00 01 .. 1f
    assert.equal(
      Buffer.from(onChain.subarray(1)).toString('hex'),
      '03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8',
    )
    const libp2p = peerIdFromPrivateKey(await networkKeyFromSeed(seed))
    assert.equal(peerIdFromNetworkKey(onChain).toString(), libp2p.toString())
  })

  it('is refused for other keys', () => {
    assert.throws(() => peerIdFromNetworkKey(new Uint8Array(32)), RangeError)
    assert.throws(() => peerIdFromNetworkKey(new Uint8Array(33).fill(1)), RangeError)
    assert.equal(peerIdTextOf(new Uint8Array(33).fill(1)), undefined)
  })
})
