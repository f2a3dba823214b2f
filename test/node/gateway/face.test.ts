import assert from 'node:assert/strict'
import { ClientError } from '../../../node/client/errors.ts'
import { createMetrics } from '../../../node/metrics.ts'
import { ask, gatewayFactory, jsonOf, put, reasonOf } from './support.ts'

describe('gateway: its face to strangers', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  it('says 405 with Allow, and 404 for paths that do not exist', async () => {
    const { url } = await start()
    const wrong = await ask(`${url}/v1/blobs/x`, { method: 'DELETE' })
    assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'GET, HEAD, OPTIONS'])
    assert.equal((await ask(`${url}/v1/blobs`)).headers.allow, 'PUT, OPTIONS')
    for (const path of [
      '/nothing',
      '/v1/blobs/',
      '/v1/blobs/a/b',
      '//v1/health',

      '/V1/health',
    ]) {
      assert.ok([400, 404].includes((await ask(`${url}${path}`)).status), path)
    }
    assert.equal(reasonOf(await ask(`${url}/nothing`)), 'NO_SUCH_ROUTE')
  })

  it('reports health, or 503 when the network is not well', async () => {
    const { url, client } = await start()
    const health = jsonOf(await ask(`${url}/v1/health`))
    assert.equal(health.status, 'ok')
    assert.deepEqual([health.epoch, health.nShards, health.nodes, health.publishing], [1, 100, 1, true])
    const rpc = 'https://rpc.example/v2/SECRET'
    client.fail('info', new ClientError('CHAIN_UNAVAILABLE', `no Sui RPC answers (${rpc})`, { url: rpc }))
    const ill = await ask(`${url}/v1/health`)
    assert.deepEqual([ill.status, reasonOf(ill)], [503, 'CHAIN_UNAVAILABLE'])
    assert.doesNotMatch(ill.body.toString(), /SECRET/)
  })

  it('tells people at / what to try, and the commands are for this gateway', async () => {
    const { url } = await start()
    const answer = await ask(`${url}/`)
    assert.match(String(answer.headers['content-type']), /text\/plain/)
    assert.ok(answer.body.toString().includes(`curl -T FILE "${url}/v1/blobs?epochs=5"`))
  })

  it('serves metrics of its own registry, and none to pages', async () => {
    const metrics = createMetrics({ version: '1.2.3' })
    const one = await start({ metrics })
    const other = await start({ metrics: createMetrics({ version: '1.2.3' }) })
    await put(one.url, 'Hello')
    await ask(`${one.url}/v1/blobs/x`)
    const answer = await ask(`${one.url}/metrics`)
    const text = answer.body.toString()
    assert.equal(answer.headers['access-control-allow-origin'], undefined)
    assert.match(text, /floe_build_info\{version="1\.2\.3"\} 1/)
    assert.match(
      text,
      /floe_http_requests_total\{node="gateway",route="\/v1\/blobs",method="PUT",status="200"\} 1/,
    )
    assert.match(text, /route="\/v1\/blobs\/:blobId",method="GET",status="400"\} 1/)
    assert.match(text, /floe_http_bytes_total\{node="gateway",direction="in"\} 5/)
    assert.doesNotMatch((await ask(`${other.url}/metrics`)).body.toString(), /method="PUT"/)
    assert.equal((await ask(`${(await start()).url}/metrics`)).status, 404)
  })

  it('logs one line per request, without what strangers wrote', async () => {
    const lines: object[] = []
    const write = (fields: object) => void lines.push(fields)
    const { url } = await start({ log: { debug: write, info: write, warn: write, error: write } })
    await ask(`${url}/v1/blobs/%0aforged`)
    await put(url, 'Hello')
    assert.equal(lines.length, 2)
    assert.doesNotMatch(JSON.stringify(lines), /forged/)
  })

  it('logs nothing for each request that a limit refuses', async () => {
    const lines: object[] = []
    const write = (fields: object) => void lines.push(fields)
    const log = { debug: () => undefined, info: write, warn: write, error: write }
    const { url } = await start({ log, limits: { maxBlobBytes: 3 } })
    for (let i = 0; i < 3; i++) {
      const answer = await ask(`${url}/v1/blobs`, { method: 'PUT', body: Buffer.from('Hello') })
      assert.equal(answer.status, 413)
    }
    assert.deepEqual(lines, [])
  })

  it('names the port when it is taken', async () => {
    const { port } = await start()
    await assert.rejects(start({ port }), { code: 'EADDRINUSE', port })
  })

  it('stops at once when idle, lets requests finish, and ends those that do not', async () => {
    const patient = await start()
    const release = patient.client.hold('info')
    const underWay = ask(`${patient.url}/v1/health`)
    await patient.client.begun('info', 1)
    const stopped = patient.gateway.stop()
    release()
    assert.equal((await underWay).status, 200)
    await stopped
    await assert.rejects(ask(`${patient.url}/`))

    for (const [method, path] of [
      ['GET', '/v1/health'],
      ['PUT', '/v1/blobs'],
    ] as const) {
      const hasty = await start({ limits: { stopGraceMs: 50 } })
      hasty.client.hold('info')
      const ended = ask(hasty.url + path, { method })
      await hasty.client.begun('info', 1)
      await hasty.gateway.stop()
      assert.equal(reasonOf(await ended), 'STOPPING')
      // what it asked of the network ends as well, and keeps no process
      await hasty.client.ended('info', 1)
    }
  })

  it('starts again after a stop', async () => {
    const { gateway } = await start()
    await gateway.stop()
    await gateway.start()
    assert.equal((await ask(`${gateway.url}/v1/health`)).status, 200)
  })
})
