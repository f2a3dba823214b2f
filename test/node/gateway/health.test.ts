import assert from 'node:assert/strict'
import { ClientError } from '../../../node/client/errors.ts'
import { createUploadHealth } from '../../../node/gateway/upload-health.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { ask, gatewayFactory, jsonOf, put, reasonOf } from './support.ts'

/** As uploads fail when nodes are full. */
const fullNodes = (noSpaceNodes: number) => {
  const details = {
    blobId: 'A',
    confirmedShards: 60,
    neededShards: 67,
    nodes: 13,
    noSpaceNodes,
    busyNodes: 0,
  }
  const confirmed = 'nodes with 60 of 100 shards confirmed the upload'
  return noSpaceNodes === 0
    ? new ClientError('TOO_FEW_CONFIRMATIONS', confirmed, details)
    : new ClientError('NO_SPACE', `${noSpaceNodes} of 13 nodes have no space left: ${confirmed}`, details)
}

describe('gateway: health', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)
  const health = async (url: string) => {
    const answer = await ask(`${url}/v1/health`)
    return answer.status === 200 ? 200 : [answer.status, reasonOf(answer), jsonOf(answer).error.message]
  }
  const store = (url: string, text: string) =>
    ask(`${url}/v1/blobs`, { method: 'PUT', body: Buffer.from(text) })

  it('is 503 while the ledger cannot write, with its own words', async () => {
    let problem: { code: string; message: string } | undefined
    const { url } = await start({ ledgerProblem: () => problem })
    assert.equal(await health(url), 200)
    problem = { code: 'DISK_FULL', message: 'the disk is full: make room' }
    assert.deepEqual(await health(url), [503, 'LEDGER_NOT_WRITABLE', 'the disk is full: make room'])
    problem = undefined
    assert.equal(await health(url), 200)
  })

  it('is 503 after nodes had no space for an upload, until one is stored again; the upload says 507', async () => {
    const { url, client } = await start()
    client.fail('store', fullNodes(5))
    const answer = await store(url, 'one')
    assert.deepEqual([answer.status, reasonOf(answer)], [507, 'NO_SPACE'])
    assert.match(jsonOf(answer).error.message, /5 of 13 nodes have no space left: .*60 of 100 shards/)
    assert.equal(jsonOf(answer).error.details[0].metadata.noSpaceNodes, 5)
    assert.deepEqual(await health(url), [503, 'NO_SPACE', '5 storage nodes had no room for the last upload'])
    client.fail('store', undefined)
    await put(url, 'two')
    assert.equal(await health(url), 200)
  })

  it('is 503 after Sui took no transaction, and not for what is the sender’s own affair', async () => {
    const { url, client } = await start()
    client.fail('store', new ClientError('CHAIN_UNAVAILABLE', 'https://rpc.example/KEY', {}))
    assert.equal((await store(url, 'one')).status, 503)
    const ill = await health(url)
    assert.deepEqual(ill, [503, 'CHAIN_UNAVAILABLE', 'Sui took no transaction for the last upload'])
    const { url: other, client: second } = await start()
    second.fail('store', new ClientError('INVALID_OPTION', 'no', { option: 'epochs', reason: 'no' }))
    assert.equal((await store(other, 'one')).status, 400)
    second.fail('store', fullNodes(0))
    assert.equal((await store(other, 'one')).status, 504)
    assert.equal(await health(other), 200)
  })

  it('forgets after a minute what nobody has tried again', async () => {
    const clock = new VirtualClock()
    const uploads = createUploadHealth(clock)
    uploads.failed(fullNodes(1))
    await clock.advance(59_999)
    assert.equal(uploads.problem?.code, 'NO_SPACE')
    await clock.advance(1)
    assert.equal(uploads.problem, undefined)
  })

  it('is 503 when what was asked for needs a file descriptor and there is none', async () => {
    const { url, client } = await start()
    const emfile = Object.assign(new Error('connect EMFILE 127.0.0.1:1'), { code: 'EMFILE' })
    const shards = { answeredShards: 0, neededShards: 34 }
    for (const error of [emfile, new ClientError('TOO_FEW_SHARDS', 'too few', shards, { cause: emfile })]) {
      client.fail('open', error)
      const answer = await ask(`${url}/v1/blobs/${'A'.repeat(43)}`)
      assert.deepEqual(
        [answer.status, reasonOf(answer), answer.headers['retry-after']],
        [503, 'OUT_OF_FILES', '5'],
      )
      assert.doesNotMatch(answer.body.toString(), /EMFILE/)
    }
  })
})
