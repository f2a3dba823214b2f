import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { ChainError } from '../../../chain/errors.ts'
import type { BlobObject, ExtendOptions, SystemInfo, Wallet } from '../../../chain/types/index.ts'
import { blobIdFromBytes } from '../../../codec/index.ts'
import type { Epoch, ObjectId } from '../../../codec/types.ts'
import type { GatewayInit } from '../../../node/gateway/index.ts'
import { anyObjectId } from '../../support/fake-chain.ts'
import { ask, gatewayFactory, jsonOf, NETWORK, reasonOf } from './support.ts'

const SECRET = 'a secret of thirty-two characters'

describe('gateway: blobs of its wallet are deleted and extended', () => {
  const { start, stopAll } = gatewayFactory()
  const wallet = { address: anyObjectId() } as Wallet
  let blobs: Map<ObjectId, BlobObject>
  let done: string[]
  let refusal: Error | undefined
  beforeEach(() => {
    blobs = new Map()
    done = []
    refusal = undefined
  })
  afterEach(stopAll)

  const own = (more: Partial<BlobObject> = {}, endEpoch = 9): BlobObject => {
    const objectId = anyObjectId()
    const storage = {
      id: anyObjectId(),
      startEpoch: 1 as Epoch,
      endEpoch: endEpoch as Epoch,
      storageSize: 1n,
    }
    const blob: BlobObject = {
      objectId,
      blobId: blobIdFromBytes(randomBytes(32)),
      registeredEpoch: 1 as Epoch,
      certifiedEpoch: 1 as Epoch,
      size: 100,
      encodingType: 1,
      deletable: true,
      storage,
      owner: wallet.address,
      ...more,
    }
    blobs.set(objectId, blob)
    return blob
  }
  const manage: NonNullable<GatewayInit['manage']> = {
    writer: {
      wallet,
      async deleteBlob(objectId) {
        if (refusal !== undefined) throw refusal
        done.push(`delete ${objectId}`)
        blobs.delete(objectId)
        return { digest: 'abc' }
      },
      async extend(objectId, epochs, options: ExtendOptions = {}) {
        if (refusal !== undefined) throw refusal
        done.push(`extend ${objectId} by ${epochs} until ${options.untilEpoch}`)
        const blob = blobs.get(objectId) ?? assert.fail()
        const endEpoch = (blob.storage.endEpoch + epochs) as Epoch
        const after = { ...blob, storage: { ...blob.storage, endEpoch } }
        blobs.set(objectId, after)
        return { digest: 'def', costFrost: 5n * BigInt(epochs), blob: after }
      },
    },
    chain: {
      blob: async objectId => blobs.get(objectId),
      ownedBlobs: async owner => [...blobs.values()].filter(blob => blob.owner === owner),
      system: async () => ({ epoch: 5, maxEpochsAhead: 20 }) as SystemInfo,
    },
  }
  const at = (url: string, path: string, method = 'DELETE', headers: Record<string, string> = {}) =>
    ask(`${url}/v1/blobs/${path}`, { method, headers })

  it('by blob ID or object ID', async () => {
    const { url } = await start({ manage })
    const [one, two] = [own(), own()]
    const first = await at(url, one.blobId)
    assert.equal(first.status, 200)
    assert.deepEqual(jsonOf(first).deleted.txDigest, 'abc')
    assert.equal(jsonOf(first).deleted.blobObject.id, one.objectId)
    assert.equal(reasonOf(await at(url, one.blobId)), 'BLOB_NOT_FOUND')
    const extended = jsonOf(await at(url, `${two.blobId}/extend?epochs=3`, 'POST')).extended
    assert.deepEqual([extended.endEpoch, extended.cost, extended.txDigest], [12, 15, 'def'])
    // asked again it costs nothing
    for (const cost of [5, 0]) {
      const answer = await at(url, `by-object-id/${two.objectId}/extend?until_epoch=13`, 'POST')
      assert.equal(jsonOf(answer).extended.cost, cost)
    }
    assert.equal((await at(url, `by-object-id/${two.objectId}`)).status, 200)
    assert.deepEqual(done, [
      `delete ${one.objectId}`,
      `extend ${two.objectId} by 3 until 12`,
      `extend ${two.objectId} by 1 until 13`,
      `delete ${two.objectId}`,
    ])
  })

  it('and nothing else is', async () => {
    const { url } = await start({ manage })
    const foreign = own({ owner: anyObjectId() })
    const permanent = own({ deletable: false })
    const { certifiedEpoch: _, ...begun } = own()
    blobs.set(begun.objectId, begun)
    const over = own({}, 5)
    const twice = [own(), own()]
    for (const { objectId } of twice)
      blobs.set(objectId, { ...blobs.get(objectId)!, blobId: twice[0]!.blobId })
    const extend = (path: string, query: string) => at(url, `${path}/extend?${query}`, 'POST')
    const cases: [() => ReturnType<typeof ask>, number, string][] = [
      [() => at(url, foreign.blobId), 404, 'BLOB_NOT_FOUND'],
      [() => at(url, `by-object-id/${foreign.objectId}`), 404, 'BLOB_NOT_FOUND'],
      [() => extend(`by-object-id/${foreign.objectId}`, 'epochs=1'), 404, 'BLOB_NOT_FOUND'],
      [() => at(url, `by-object-id/${anyObjectId()}`), 404, 'BLOB_NOT_FOUND'],
      [() => at(url, over.blobId), 404, 'BLOB_ENDED'],
      [() => at(url, permanent.blobId), 409, 'NOT_DELETABLE'],
      [() => at(url, twice[0]!.blobId), 409, 'SEVERAL_OBJECTS'],
      [() => extend(begun.blobId, 'epochs=1'), 409, 'NOT_CERTIFIED'],
      [() => extend(permanent.blobId, 'epochs=17'), 400, 'INVALID_PARAMETER'],
      [() => extend(permanent.blobId, 'until_epoch=26'), 400, 'INVALID_PARAMETER'],
      [() => extend(permanent.blobId, ''), 400, 'INVALID_PARAMETER'],
      [() => extend(permanent.blobId, 'epochs=1&until_epoch=20'), 400, 'INVALID_PARAMETER'],
      [() => extend(permanent.blobId, 'epochs=0'), 400, 'INVALID_PARAMETER'],
      [() => at(url, `${permanent.blobId}?epochs=1`), 400, 'INVALID_PARAMETER'],
      [() => at(url, 'nonsense'), 400, 'INVALID_BLOB_ID'],
      [() => at(url, 'by-object-id/nonsense'), 400, 'INVALID_OBJECT_ID'],
      [() => at(url, permanent.blobId, 'DELETE', { 'idempotency-key': 'one' }), 400, 'MALFORMED_REQUEST'],
      [
        () => at(url, permanent.blobId, 'DELETE', { origin: 'https://evil.example' }),
        403,
        'FORBIDDEN_ORIGIN',
      ],
    ]
    for (const [i, [asking, status, reason]] of cases.entries()) {
      const answer = await asking()
      assert.deepEqual([answer.status, reasonOf(answer)], [status, reason], `case ${i}`)
    }
    const owner = wallet.address
    refusal = new ChainError('NOT_ENOUGH_WAL', 'little', { neededFrost: 7n, availableFrost: 1n, owner })
    const poor = await extend(permanent.blobId, 'epochs=1')
    assert.deepEqual([poor.status, reasonOf(poor)], [503, 'INSUFFICIENT_FUNDS'])
    refusal = new ChainError('WALLET_BUSY', 'busy', { owner, attempts: 20 })
    const busy = await extend(permanent.blobId, 'epochs=1')
    assert.deepEqual([busy.status, reasonOf(busy)], [503, 'WALLET_BUSY'])
    assert.deepEqual(done, [])
  })

  it('only where it publishes, and off a localnet only for tokens that say so', async () => {
    const testnet = { ...NETWORK, kind: 'testnet' } as const
    const { blobId } = own()
    const outcome = async (init: Omit<Partial<GatewayInit>, 'client'>) => {
      const { url } = await start({ manage, ...init })
      return reasonOf(await at(url, blobId))
    }
    assert.equal(await outcome({ publish: false }), 'PUBLISHING_OFF')
    assert.equal(await outcome({ publish: true, network: testnet }), 'MANAGING_OFF')
    assert.equal(await outcome({ publish: { tokens: { key: SECRET } } }), 'TOKEN_MISSING')
    const none = await start({})
    assert.equal((await at(none.url, blobId)).status, 405)
    const { url } = await start({ manage: { ...manage, byAnybody: true }, publish: true, network: testnet })
    assert.equal((await at(url, blobId)).status, 200)
  })

  it('by a token once, and what that is for', async () => {
    const { url } = await start({ manage, publish: { tokens: { key: SECRET } }, quota: { uploads: 2 } })
    const [one, two] = [own(), own()]
    let ids = 0
    const sign = async (claims: object) => {
      const now = Math.floor(Date.now() / 1000)
      const token = new SignJWT({ jti: `${++ids}`, iat: now, exp: now + 600, ...claims })
      return {
        authorization: `Bearer ${await token.setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(SECRET))}`,
      }
    }
    const tried = async (path: string, method: string, claims: object) =>
      reasonOf(await at(url, path, method, await sign(claims)))
    const extension = `${one.blobId}/extend?epochs=3`
    for (const claims of [
      {},
      { delete: two.blobId },
      { delete: two.objectId },
      { extend: true },
      { delete: true, max_size: 99 },
    ])
      assert.equal(await tried(one.blobId, 'DELETE', claims), 'TOKEN_FOR_OTHER', JSON.stringify(claims))
    for (const claims of [{}, { delete: true }, { extend: true, max_epochs: 2 }, { extend: true, epochs: 4 }])
      assert.equal(await tried(extension, 'POST', claims), 'TOKEN_FOR_OTHER', JSON.stringify(claims))
    assert.equal(await tried(one.blobId, 'DELETE', { delete: 5 }), 'TOKEN_INVALID')
    assert.deepEqual(done, [])
    const headers = await sign({ extend: one.blobId, max_epochs: 3 })
    assert.equal((await at(url, extension, 'POST', headers)).status, 200)
    assert.equal(reasonOf(await at(url, extension, 'POST', headers)), 'TOKEN_USED')
    assert.equal((await at(url, two.blobId, 'DELETE', await sign({ delete: two.objectId }))).status, 200)
    assert.equal(await tried(one.blobId, 'DELETE', { delete: true }), 'QUOTA_EXCEEDED')
  })
})
