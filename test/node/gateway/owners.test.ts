import assert from 'node:assert/strict'
import { ChainError } from '../../../chain/index.ts'
import type { BlobObject } from '../../../chain/types/index.ts'
import { parseObjectId } from '../../../codec/index.ts'
import type { BlobId, Epoch } from '../../../codec/types.ts'
import type { GatewayInit } from '../../../node/gateway/index.ts'
import { ask, gatewayFactory, jsonOf, reasonOf } from './support.ts'

const OWNER = parseObjectId('0xa11ce')
const DAY = 86_400_000

describe('gateway: blobs of an owner', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  const blob = (id: number, endEpoch: number): BlobObject => ({
    objectId: parseObjectId(`0x${id}`),
    blobId: 'A'.repeat(43) as BlobId,
    registeredEpoch: 1 as Epoch,
    certifiedEpoch: 1 as Epoch,
    size: 100 * id,
    encodingType: 1,
    deletable: true,
    storage: {
      id: parseObjectId('0x5'),
      startEpoch: 1 as Epoch,
      endEpoch: endEpoch as Epoch,
      storageSize: 1_000n,
    },
    owner: OWNER,
  })
  async function owning() {
    const asked: object[] = []
    const chain: GatewayInit['chain'] = {
      blobReference: async () => undefined,
      attributes: async () => ({}),
      async ownedPage(owner, { limit, cursor }) {
        asked.push({ owner, limit, cursor })
        if (cursor === 'wrong')
          throw new ChainError('RPC_FAILED', 'no such cursor', {
            url: 'https://secret.example',
            status: 'INVALID_ARGUMENT',
          })
        if (cursor === 'more')
          return { blobs: [{ blob: blob(3, 2), attributes: {} }], epoch: 3 as Epoch, next: undefined }
        const attributes = { kind: 'photo:x', author: 'me' }
        return {
          blobs: [
            { blob: blob(1, 5), attributes, endsAtMs: 5_000 + DAY },
            { blob: blob(2, 4), attributes: { kind: 'text' } },
          ],
          epoch: 3 as Epoch,
          next: 'more',
        }
      },
    }
    const { url } = await start({ chain })
    return {
      asked,
      get: (query = '', owner: string = OWNER) => ask(`${url}/v1/owners/${owner}/blobs${query}`),
    }
  }

  it('come page by page, with attributes, sizes and ends', async () => {
    const { get, asked } = await owning()
    const first = await get()
    assert.deepEqual([first.status, first.headers['access-control-allow-origin']], [200, '*'])
    const { owner, epoch, blobs, nextCursor } = jsonOf(first)
    assert.deepEqual([owner, epoch, nextCursor], [OWNER, 3, 'more'])
    const { size, storage, attributes, endsAtMs, certifiedEpoch } = blobs[0]
    assert.deepEqual(
      [size, storage.endEpoch, attributes, endsAtMs, certifiedEpoch],
      [100, 5, { kind: 'photo:x', author: 'me' }, 5_000 + DAY, 1],
    )
    const last = jsonOf(await get('?cursor=more&limit=7'))
    assert.deepEqual([last.blobs.length, last.nextCursor], [1, null])
    // its time is over
    assert.equal(last.blobs[0].endsAtMs, undefined)
    assert.deepEqual(asked[1], { owner: OWNER, limit: 7, cursor: 'more' })
  })

  it('are filtered by attributes, all of which they must have', async () => {
    const { get } = await owning()
    const ids = async (query: string) =>
      jsonOf(await get(query)).blobs.map(({ size }: { size: number }) => size)
    assert.deepEqual(await ids('?attribute=kind:photo:x'), [100])
    assert.deepEqual(await ids('?attribute=kind:text'), [200])
    assert.deepEqual(await ids('?attribute=kind:photo:x&attribute=author:me'), [100])
    assert.deepEqual(await ids('?attribute=kind:text&attribute=author:me'), [])
    assert.deepEqual(await ids('?attribute=toString:'), [])
  })

  it('are refused for what is no address, page or filter', async () => {
    const { get } = await owning()
    for (const [query, owner] of [
      ['', 'x'],
      ['?limit=0', OWNER],
      ['?limit=51', OWNER],
      ['?attribute=nothing', OWNER],
      [`?${'attribute=a:b&'.repeat(9)}`, OWNER],
      ['?page=2', OWNER],
      ['?cursor=wrong', OWNER],
    ] as const) {
      const answer = await get(query, owner)
      assert.deepEqual([answer.status, reasonOf(answer)], [400, 'INVALID_PARAMETER'], query)
      assert.doesNotMatch(answer.body.toString(), /secret/)
    }
    const { url } = await start()
    assert.equal((await ask(`${url}/v1/owners/${OWNER}/blobs`)).status, 404)
  })
})
