import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Committee, RegisteredKeys } from '../../../chain/types/index.ts'
import type { Bls } from '../../../codec/index.ts'
import { loadBls } from '../../../codec/node.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { networkPublicKeyFromSeed } from '../../../node/network/peer-id.ts'
import { expectOwnKeys } from '../../../node/storage/own-keys.ts'

const nodeId = `0x${'5'.repeat(64)}` as ObjectId

describe("a node's own keys", () => {
  let bls: Bls
  let keys: { blsSecret: Uint8Array; networkSeed: Uint8Array; folder: string }
  let record: RegisteredKeys
  const other = () => bls.publicKey(bls.generateSecret())

  beforeEach(async () => {
    bls = await loadBls()
    keys = {
      blsSecret: bls.generateSecret(),
      networkSeed: Uint8Array.from(randomBytes(32)),
      folder: 'n/keys',
    }
    record = {
      blsPublicKey: bls.publicKey(keys.blsSecret),
      networkPublicKey: await networkPublicKeyFromSeed(keys.networkSeed),
    }
  })
  const check = (known: RegisteredKeys | undefined, inOffice?: Uint8Array) =>
    expectOwnKeys({
      chain: { nodeKeys: async () => known },
      bls,
      nodeId,
      committee: {
        members: inOffice === undefined ? [] : [{ nodeId, blsPublicKey: inOffice }],
      } as unknown as Committee,
      keys,
    })

  it('are those of its record', async () => {
    await check(record)
    await check(record, record.blsPublicKey)
  })

  it('are refused when one differs, and the error says which and what to do', async () => {
    await assert.rejects(check({ ...record, blsPublicKey: other() }), {
      name: 'KeyError',
      code: 'KEY_MISMATCH',
      path: 'n/keys/bls.key',
      message: /backup, or register this key on chain/,
    })
    await assert.rejects(check({ ...record, networkPublicKey: Uint8Array.of(0, ...randomBytes(32)) }), {
      code: 'KEY_MISMATCH',
      path: 'n/keys/network.key',
    })
    await assert.rejects(check(undefined), { code: 'NODE_UNKNOWN', path: 'n/keys' })
  })

  it('may be the next ones only while it is not in office', async () => {
    const next = { ...record, blsPublicKey: other(), nextBlsPublicKey: record.blsPublicKey }
    await check(next)
    await assert.rejects(check(next, next.blsPublicKey), { code: 'KEY_MISMATCH', path: 'n/keys/bls.key' })
    // it was rotated under way: the committee goes on with the one before
    await check({ ...record, blsPublicKey: other() }, record.blsPublicKey)
  })
})
