import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { silentLog } from '../../../base/log.ts'
import { createCoordinator } from '../../../chain/index.ts'
import type { BlobObject } from '../../../chain/types/index.ts'
import { type Devnet, startDevnet } from '../../../node/devnet/devnet.ts'
import { readWallet } from '../../../node/wallet-file.ts'
import { officialEncode } from '../../codec/support/official.ts'
import { ask, jsonOf, reasonOf } from '../../support/http.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { floe, networkFolder, REAL_FLOE, type Running, spawnFloe } from './support.ts'

describe('floe gateway run, floe upload-relay', function () {
  this.timeout(120_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet
  let blobId: string
  const running: Running[] = []

  before(async () => {
    folder = await temporaryFolder()
    const gateway = { hostNames: ['host.docker.internal'], publish: false }
    const options = { dir: folder.path, nodes: 4, shards: 10, port: 0, log: silentLog(), gateway }
    devnet = await startDevnet(options)
    const stored = await devnet.client.store(Buffer.from('Hello'), { epochs: 1, deletable: true })
    blobId = stored.blobId
  })
  afterEach(async () => {
    for (const { child, ended } of running.splice(0)) {
      child.kill('SIGTERM')
      assert.equal((await ended).code, 0)
    }
  })
  after(async () => {
    await devnet?.close()
    await folder?.remove()
  })

  /** As a process of its own; its URL. */
  const start = async (...args: string[]): Promise<string> => {
    const common = [
      '--network',
      join(folder.path, 'network.json'),
      '--port',
      '0',
      '--json',
      '--log',
      'silent',
    ]
    const process = spawnFloe(folder.path, [...args, ...common], {}, REAL_FLOE)
    running.push(process)
    const [line] = await once(process.child.stdout!, 'data')
    return JSON.parse(String(line)).gateway
  }
  const put = (url: string, headers: Record<string, string> = {}) =>
    ask(`${url}/v1/blobs`, { method: 'PUT', body: Buffer.from(`new ${Math.random()}`), headers })

  it('reads without a wallet', async () => {
    const url = await start('gateway', 'run', '--wallet', 'nowhere')
    assert.equal((await ask(`${url}/v1/blobs/${blobId}`)).body.toString(), 'Hello')
    assert.deepEqual(reasonOf(await put(url)), 'PUBLISHING_OFF')
    assert.equal((await ask(`${url}/v1/tip-config`)).status, 404)
  })

  it('stores with a wallet, for the names and pages that are allowed', async () => {
    const names = ['--host-name', 'host.docker.internal', '--allow-origin', 'https://app.example']
    const url = await start('gateway', 'run', '--publish', 'on', ...names)
    assert.equal((await put(url)).status, 200)
    const { port } = new URL(url)
    assert.equal((await put(url, { host: `host.docker.internal:${port}` })).status, 200)
    assert.equal(reasonOf(await put(url, { host: 'elsewhere' })), 'FORBIDDEN_HOST')
    assert.equal((await put(url, { origin: 'https://app.example' })).status, 200)
    assert.equal(reasonOf(await put(url, { origin: 'https://other.example' })), 'FORBIDDEN_ORIGIN')
  })

  it('answers a retry, and goes on with uploads, after it was killed: each is paid for once', async () => {
    const args = ['gateway', 'run', '--publish', 'on', '--sub-wallets', '1']
    const sub = async () =>
      await readWallet(join(folder.path, '.floe-gateway', 'sub-wallets', devnet.user.address, '00.key'))
    await using coordinator = createCoordinator(devnet.network)
    const paid = async (data: Uint8Array): Promise<BlobObject[]> => {
      const wallets = [devnet.user, await sub()]
      const lists = await Promise.all(wallets.map(({ address }) => coordinator.ownedBlobs(address)))
      const { blobId } = officialEncode(data, 10)
      return lists.flat().filter(blob => blob.blobId === blobId)
    }
    /** As soon as something was paid for, or at the end of a request that was faster. */
    const killDuring = async (request: Promise<unknown>, data: Uint8Array) => {
      const isOver = request.then(
        () => true,
        () => true,
      )
      while ((await paid(data)).length === 0 && !(await Promise.race([isOver, sleep(5, false)]))) {}
      const { child, ended } = running.pop()!
      child.kill('SIGKILL')
      await ended
      await isOver
    }
    const putOnce = (url: string, data: Uint8Array) =>
      ask(`${url}/v1/blobs?force`, { method: 'PUT', body: data, headers: { 'idempotency-key': 'one' } })
    const TUS = { 'tus-resumable': '1.0.0' }
    const send = (url: string, path: string, offset: number, body: Uint8Array) =>
      ask(url + path, {
        method: 'PATCH',
        body,
        headers: { ...TUS, 'upload-offset': `${offset}`, 'content-type': 'application/offset+octet-stream' },
      })
    const [one, two] = [randomBytes(300_000), randomBytes(300_000)]

    let url = await start(...args)
    await killDuring(putOnce(url, one), one)
    url = await start(...args)
    const first = await putOnce(url, one)
    assert.equal(first.status, 200, first.body.toString())
    assert.deepEqual(jsonOf(await putOnce(url, one)), jsonOf(first))
    const begun = await ask(`${url}/v1/uploads?force`, {
      method: 'POST',
      headers: { ...TUS, 'upload-length': `${two.length}` },
    })
    const path = String(begun.headers.location)
    assert.equal((await send(url, path, 0, two.subarray(0, 100_000))).status, 204)
    await killDuring(Promise.resolve(), two)

    url = await start(...args)
    const { headers } = await ask(url + path, { method: 'HEAD', headers: TUS })
    assert.equal(headers['upload-offset'], '100000')
    await killDuring(send(url, path, 100_000, two.subarray(100_000)), two)
    url = await start(...args)
    const last = await ask(url + path)
    assert.equal(last.status, 200, last.body.toString())
    for (const [data, answer] of [
      [one, first],
      [two, last],
    ] as const) {
      const objects = await paid(data)
      assert.equal(objects.length, 1)
      assert.equal(objects[0]?.owner, devnet.user.address)
      assert.equal(objects[0]?.certifiedEpoch, 1)
      assert.equal(jsonOf(answer).newlyCreated.blobObject.id, objects[0]?.objectId)
    }
  })

  it('is an upload relay and nothing else', async () => {
    const url = await start('upload-relay', '--tip', 'linear:7:3', '--tip-address', '0x717')
    const { send_tip } = jsonOf(await ask(`${url}/v1/tip-config`))
    assert.deepEqual(send_tip.kind, { linear: { base: 7, encoded_size_mul_per_kib: 3 } })
    assert.equal(reasonOf(await ask(`${url}/v1/blobs/${blobId}`)), 'NO_SUCH_ROUTE')
    const query = `blob_id=${blobId}`
    const answer = await ask(`${url}/v1/blob-upload-relay?${query}`, {
      method: 'POST',
      body: Buffer.from('Hello'),
    })
    assert.equal(reasonOf(answer), 'TIP_REQUIRED')
  })

  it("lets a devnet's gateway be called so, and not publish", async () => {
    const { port } = new URL(devnet.gatewayUrl)
    const headers = { host: `host.docker.internal:${port}` }
    assert.equal((await ask(`${devnet.gatewayUrl}/v1/blobs/${blobId}`, { headers })).status, 200)
    assert.equal(reasonOf(await put(devnet.gatewayUrl)), 'PUBLISHING_OFF')
  })

  it('says who may spend, and where it remembers', async () => {
    const args = ['gateway', 'run', '--network', 'network.json', '--port', '0', '--log', 'silent']
    const more = ['--publish', 'on', '--host', '0.0.0.0', '--quota-uploads', '5']
    const process = spawnFloe(folder.path, [...args, ...more], {}, REAL_FLOE)
    running.push(process)
    let text = ''
    while (!text.includes('Ctrl-C')) text += (await once(process.child.stdout!, 'data'))[0]
    assert.match(
      text,
      /Publishes +with 0x\w{64}, for whoever reaches it, within a quota of each day; by 8 sub-wallets that it fills\n/,
    )
    assert.ok(text.includes(`${folder.path}/.floe-gateway\n`), text)
  })

  it('lets nobody spend coins of worth by accident, or guess a secret', async () => {
    const cwd = await networkFolder()
    try {
      const path = join(cwd.path, '.floe', 'network.json')
      const network = { ...JSON.parse(await readFile(path, 'utf8')), name: 'testnet', kind: 'testnet' }
      await writeFile(path, JSON.stringify(network))
      await writeFile(join(cwd.path, 'short'), 'x'.repeat(31))
      await writeFile(join(cwd.path, 'short.jwk'), JSON.stringify({ kty: 'oct', alg: 'HS256', k: 'eHh4' }))
      await writeFile(join(cwd.path, 'long'), 'x'.repeat(32))
      const wide = ['--publish', 'on', '--host', '0.0.0.0']
      // the fake gateway ends those that may start
      const cases: [string[], number, RegExp][] = [
        [wide, 2, /whoever reaches this gateway spends its wallet on testnet[\s\S]*--for-anybody/],
        [['--publish', 'on', '--host', '::'], 2, /spends its wallet/],
        [[...wide, '--for-anybody'], 1, /no gateway here/],
        [[...wide, '--quota-bytes', '1GiB'], 1, /no gateway here/],
        [['--publish', 'on', '--host', '::1'], 1, /no gateway here/],
        [['--host', '0.0.0.0'], 1, /no gateway here/],
        [['--publish', 'jwt', '--host', '0.0.0.0', '--jwt-key', 'long'], 1, /no gateway here/],
        [['--publish', 'jwt', '--jwt-key', 'short'], 2, /31 bytes, and needs 32/],
        [['--publish', 'jwt', '--jwt-key', 'short.jwk'], 2, /3 bytes, and needs 32/],
      ]
      for (const [args, code, words] of cases) {
        const ended = await floe(cwd.path, ['gateway', 'run', ...args])
        assert.equal(ended.code, code, `${args.join(' ')}: ${ended.stderr}`)
        assert.match(ended.stderr, words, args.join(' '))
      }
    } finally {
      await cwd.remove()
    }
  })

  it('refuses options that make no sense', async () => {
    const cwd = await networkFolder()
    try {
      for (const args of [
        ['upload-relay', '--tip', 'const:5'],
        ['upload-relay', '--tip', 'all', '--tip-address', '0x1'],
        ['gateway', 'run', '--allow-origin', 'https://app.example/path'],
        ['up', '--page-origin', 'https://app.example/path'],
        ['gateway', 'run', '--host', 'localhost'],
        ['gateway', 'run', '--publish', 'perhaps'],
        ['gateway', 'run', '--publish', 'jwt'],
        ['gateway', 'run', '--jwt-key', 'key'],
        ['gateway', 'run', '--publish', 'jwt', '--jwt-key', '.floe/network.json'],
        ['gateway', 'run', '--quota-bytes', 'many'],
      ])
        assert.equal((await floe(cwd.path, args)).code, 2, args.join(' '))
      assert.equal((await floe(cwd.path, ['gateway', 'run', '--publish', 'on', '--wallet', 'none'])).code, 6)
    } finally {
      await cwd.remove()
    }
  })
})
