import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { createCodec, shardOfPair } from '../../codec/index.ts'
import type { BlobId, SliverPairIndex } from '../../codec/types.ts'
import { type Devnet, startDevnet } from '../../node/devnet/index.ts'
import { createGateway, type Gateway } from '../../node/gateway/index.ts'
import { findChromium } from '../support/chromium.ts'
import { altering } from '../support/liars.ts'
import { spkiHash, standBefore, TEST_TLS } from '../support/tls.ts'

const found = findChromium()
const MIB = 1024 * 1024
const SHARDS = 20
const STORE = { epochs: 1, deletable: true }
/** One pixel, red. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
)
/** Silence, of 8000 samples of a byte each second. */
function wav(seconds: number): Buffer {
  const header = Buffer.from(
    '52494646641f000057415645666d74201000000001000100401f0000401f00000100080064617461401f0000',
    'hex',
  )
  const bytes = 8_000 * seconds
  header.writeUInt32LE(36 + bytes, 4)
  header.writeUInt32LE(bytes, 40)
  return Buffer.concat([header, Buffer.alloc(bytes, 0x80)])
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe(
  'missing' in found ? `the page that reads (left out: ${found.missing})` : 'the page that reads',
  function () {
    // the browser, the devnet and everything else may share one busy core
    this.timeout(300_000)
    let browser: Browser
    let context: BrowserContext
    let page: Page
    let devnet: Devnet
    let gateway: Gateway
    let complaints: string[]

    before(async function () {
      if ('missing' in found) return this.skip()
      // the first of four nodes lies
      devnet = await startDevnet({
        nodes: 4,
        shards: SHARDS,
        wrapSlivers: (slivers, i) => (i === 0 ? altering(slivers) : slivers),
        webRtc: true,
      })
      browser = await chromium.launch({
        executablePath: found.path,
        args: ['--no-sandbox', `--ignore-certificate-errors-spki-list=${spkiHash(TEST_TLS.cert)}`],
      })
    })
    after(async () => {
      await browser?.close()
      await devnet?.close()
    })
    beforeEach(async () => {
      const { client, network } = devnet
      gateway = createGateway({ client, network, page: { suiRpc: network.suiRpc }, port: 0 })
      await gateway.start()
      context = await browser.newContext({ viewport: { width: 320, height: 640 }, colorScheme: 'dark' })
      context.setDefaultTimeout(120_000)
      page = await context.newPage()
      complaints = []
      page.on('pageerror', ({ message }) => complaints.push(message))
      page.on('console', message => {
        if (/Content Security Policy|Uncaught/.test(message.text())) complaints.push(message.text())
      })
    })
    afterEach(async () => {
      await context?.close()
      await gateway?.stop()
    })

    const open = async (hash = '') => {
      await page.goto(`${gateway.url}/read${hash}`)
      await page.locator('#network', { hasText: 'epoch' }).waitFor()
    }
    const isOver = () => page.locator('#actions:visible, #problem:not(:empty)').first().waitFor()
    const ask = async (blobId: string) => {
      await page.locator('#blob').fill(blobId)
      await page.keyboard.press('Enter')
      await isOver()
    }
    const saved = async (): Promise<Buffer> => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.locator('#save').click()])
      return await readFile(await download.path())
    }
    const rows = async (): Promise<string[][]> =>
      page
        .locator('#rows tr')
        .evaluateAll(all =>
          all.map(row => Array.from((row as HTMLTableRowElement).cells, cell => cell.textContent ?? '')),
        )
    /** What makes the first node the owner of a row that is read, or of none. */
    async function blobWhere(isLiarAsked: boolean, bytes: number): Promise<{ data: Buffer; blobId: BlobId }> {
      const { current } = (await devnet.client.info()).committees
      const own = new Set<number>(
        current.members.find(({ nodeId }) => nodeId === devnet.nodes[0]?.nodeId)?.shards,
      )
      const rowsOfSource = SHARDS - 2 * Math.floor((SHARDS - 1) / 3)
      await using codec = { ...createCodec({ threads: 0 }), async [Symbol.asyncDispose]() {} }
      for (;;) {
        const data = randomBytes(bytes)
        const { blobId } = await codec.metadata(data, SHARDS)
        const pairs = Array.from({ length: rowsOfSource }, (_, i) => i as SliverPairIndex)
        const isAsked = pairs.some(pair => own.has(shardOfPair(pair, blobId, SHARDS)))
        if (isAsked !== isLiarAsked) continue
        await codec.close()
        await devnet.client.store(data, STORE)
        return { data, blobId }
      }
    }

    it('reads 5 MiB straight from the nodes, with the gateway gone, and saves it', async () => {
      const { data, blobId } = await blobWhere(false, 5 * MIB)
      await open()
      await gateway.stop()
      await ask(blobId)
      assert.equal(await page.locator('#problem').textContent(), '')
      assert.equal(sha256(await saved()), sha256(data))
      const paths = (await rows()).map(([, path]) => path)
      // a busy machine has some asked that never come to be reached
      assert.ok(paths.filter(path => path === 'ws').length >= 2 && !paths.includes('relay'), paths.join())
      const figures = (await page.locator('#figures').textContent())!
      const [, moved] = /^5\.0 MiB of 5\.0 MiB · ([\d.]+) MiB moved/.exec(figures) ?? []
      assert.ok(Number(moved) <= 10, figures)
      const width = await page.evaluate(() => document.documentElement.scrollWidth)
      assert.equal(width, 320)
      assert.deepEqual(complaints, [])
    })

    it('names a peer that lies, and gives what is right all the same', async () => {
      const { data, blobId } = await blobWhere(true, 5 * MIB)
      await open(`#${blobId}`)
      await isOver()
      assert.equal(sha256(await saved()), sha256(data))
      assert.match((await page.locator('#figures').textContent())!, /lied: node-00/)
      const liar = (await rows()).find(([name]) => name === 'node-00')
      assert.equal(liar?.[4], 'lied')
    })

    it('stops when it is cancelled, and reads on', async () => {
      const { blobId } = await blobWhere(false, 5 * MIB)
      await open()
      await page.locator('#blob').fill(blobId)
      await page.keyboard.press('Enter')
      await page.locator('#rows tr').first().waitFor()
      await page.keyboard.press('Escape')
      await page.locator('#figures', { hasText: /cancelled| s$/ }).waitFor()
      assert.ok((await rows()).every(([, , , , state]) => !state?.startsWith('asked')))
      await ask(blobId)
      assert.equal(await page.locator('#actions').isVisible(), true)
    })

    it('serves images and ranges by its service worker, and itself, when the gateway is gone', async () => {
      const { blobId } = await devnet.client.store(PNG, STORE)
      const sound = await devnet.client.store(wav(1), STORE)
      const { url } = gateway
      await open()
      await controlled()
      await gateway.stop()
      const size = await page.evaluate(
        src =>
          new Promise(resolve => {
            const image = new Image()
            image.onload = () => resolve([image.naturalWidth, image.naturalHeight])
            image.onerror = () => resolve('broken')
            image.src = src
          }),
        `/b/${blobId}?type=image/png`,
      )
      assert.deepEqual(size, [1, 1])
      const part = await page.evaluate(async url => {
        const answer = await fetch(url, { headers: { range: 'bytes=1-3' } })
        return [answer.status, answer.headers.get('content-range'), await answer.text()]
      }, `/b/${blobId}`)
      assert.deepEqual(part, [206, `bytes 1-3/${PNG.length}`, 'PNG'])
      const tab = await context.newPage()
      const shown = await tab.goto(`${url}/b/${blobId}?type=image/png`)
      assert.deepEqual([shown?.status(), shown?.fromServiceWorker()], [200, true])
      // the document's player loads it once more
      await tab.goto(`${url}/b/${sound.blobId}?type=audio/wav`)
      const player = await tab.locator('video, audio').elementHandle()
      await tab.waitForFunction(media => (media as HTMLMediaElement | null)?.duration === 1, player)
      await page.reload()
      await page.locator('#network', { hasText: 'epoch' }).waitFor()
      await ask(blobId)
      assert.ok(PNG.equals(await saved()))
    })

    it('has players seek, without what lies between', async () => {
      const data = wav(800)
      const { blobId } = await devnet.client.store(data, STORE)
      await open()
      await controlled()
      await gateway.stop()
      const ranges: number[][] = []
      context.on('response', async answer => {
        if (!answer.url().includes('/b/')) return
        const [, ...range] =
          /^bytes (\d+)-(\d+)/.exec((await answer.allHeaders())['content-range'] ?? '') ?? []
        ranges.push(range.map(Number))
      })
      const reached = await page.evaluate(async src => {
        const player = document.createElement('video')
        player.preload = 'metadata'
        player.muted = true
        const told = (name: string) =>
          new Promise((resolve, reject) => {
            player.addEventListener(name, resolve, { once: true })
            player.addEventListener('error', () => reject(new Error(player.error?.message)), { once: true })
          })
        const loaded = told('loadeddata')
        player.src = src
        document.body.append(player)
        await loaded
        for (const second of [700, 100, 799]) {
          const sought = told('seeked')
          player.currentTime = second
          await sought
        }
        return [player.duration, player.currentTime]
      }, `/b/${blobId}?type=audio/wav`)
      assert.deepEqual(reached, [800, 799])
      const told = JSON.stringify(ranges)
      assert.ok(
        ranges.some(([start = 0]) => start > 5 * MIB),
        told,
      )
      const between = 4 * MIB
      assert.ok(!ranges.some(([start = 0, end = data.length]) => start <= between && between <= end), told)
    })

    it('reads what a link names once the chain answers', async () => {
      const { blobId } = await devnet.client.store(PNG, STORE)
      let isDown = true
      await context.route(`${devnet.network.suiRpc[0]}/**`, route =>
        isDown ? route.abort() : route.continue(),
      )
      await page.goto(`${gateway.url}/read#${blobId}`)
      await page.locator('#figures', { hasText: 'failed' }).waitFor()
      await page.locator('#problem:not(:empty)').waitFor()
      isDown = false
      await page.locator('#actions:visible').waitFor()
      assert.equal(await page.locator('#problem').textContent(), '')
      assert.ok(PNG.equals(await saved()))
    })

    const controlled = () =>
      page.evaluate(async () => {
        await navigator.serviceWorker.ready
        if (navigator.serviceWorker.controller !== null) return
        await new Promise(resolve =>
          navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }),
        )
      })

    for (const scheme of ['http', 'https']) {
      it(`reads by WebRTC, from a page that came by ${scheme}`, async () => {
        const { data, blobId } = await blobWhere(false, 5 * MIB)
        // as where WebSockets are blocked: by a firewall, or since they lack TLS
        await using front = await standBefore(gateway.url, {
          isSecure: scheme === 'https',
          policy: given => given.replace(' ws: wss:', ''),
        })
        await page.goto(`${front.url}/read`)
        await page.locator('#network', { hasText: 'epoch' }).waitFor()
        await controlled()
        await front[Symbol.asyncDispose]()
        // its service worker has the page dial, while that reads the same
        const parts = page.evaluate(async url => {
          const given: [number, number][] = []
          for (let i = 1; i < 5; i++) {
            const headers = { range: `bytes=${i * 1_000_000}-${i * 1_000_000 + 99_999}` }
            const part = await fetch(url, { headers })
            given.push([part.status, (await part.arrayBuffer()).byteLength])
          }
          return given
        }, `/b/${blobId}`)
        await ask(blobId)
        assert.deepEqual(
          await parts,
          Array.from({ length: 4 }, () => [206, 100_000]),
        )
        assert.equal(await page.locator('#problem').textContent(), '')
        assert.equal(sha256(await saved()), sha256(data))
        const paths = (await rows()).map(([, path]) => path)
        assert.ok(paths.filter(path => path === 'webrtc').length >= 2 && !paths.includes('ws'), paths.join())
      })
    }

    it('opens no more connections with more reads', async () => {
      const { blobId } = await devnet.client.store(randomBytes(1_000), STORE)
      await open()
      const connections = () =>
        devnet.nodes.reduce((sum, node) => sum + (node.running?.status().paths.direct ?? 0), 0)
      await ask(blobId)
      for (let i = 0; i < 2; i++) await ask(blobId)
      const before = connections()
      for (let i = 0; i < 10; i++) await ask(blobId)
      // of the nodes that no read had asked before there may be some
      assert.ok(connections() <= before + devnet.nodes.length, `${connections()} after ${before}`)
    })

    it('names two Sui RPCs that disagree about the committee, with what each says', async () => {
      const { client, network } = devnet
      const { port, origin } = new URL(network.suiRpc[0]!)
      const liar = `http://localhost:${port}`
      const [first, second] = (await client.info()).committees.current.members.map(({ networkPublicKey }) =>
        Buffer.from(networkPublicKey),
      )
      // the same RPC by another name, with a key of the second node for the first
      await context.route(`${liar}/**`, async route => {
        const response = await route.fetch({ url: route.request().url().replace(liar, origin) })
        const body = await response.body()
        for (let at = body.indexOf(first!); at >= 0; at = body.indexOf(first!, at + 1)) second!.copy(body, at)
        await route.fulfill({ response, body })
      })
      const suiRpc = [origin, liar]
      await using front = createGateway({ client, network, page: { suiRpc }, port: 0 })
      await front.start()
      await page.goto(`${front.url}/read`)
      await page.locator('#network', { hasText: 'not there' }).waitFor()
      const told = (await page.locator('#problem').textContent())!
      const says = suiRpc.map(
        url => new RegExp(`${url} says epoch \\d+, committee ([\\da-f]{16})`).exec(told)?.[1],
      )
      assert.ok(says[0] && says[1] && says[0] !== says[1], told)
    })

    it("reads from the reader's own network once that is chosen with a key, and remembers it", async () => {
      const { blobId } = await devnet.client.store(PNG, STORE)
      const [rpc] = devnet.network.suiRpc
      const origin = 'https://floe.test'
      await using away = await browser.newContext({ serviceWorkers: 'block' })
      away.setDefaultTimeout(120_000)
      // the same gateway, as if it were far away
      await away.route(`${origin}/**`, async route => {
        const url = route.request().url().replace(origin, gateway.url)
        await route.fulfill({ response: await route.fetch({ url }) })
      })
      await away.route(`${rpc}/**`, async route => {
        const { origin: _, ...headers } = route.request().headers()
        const response = await route.fetch({ headers })
        const allowed = { 'access-control-allow-origin': origin, 'access-control-expose-headers': '*' }
        await route.fulfill({ response, headers: { ...response.headers(), ...allowed } })
      })
      page = await away.newPage()
      const isReady = () => page.locator('#network', { hasText: 'epoch' }).waitFor()
      const choice = page.getByLabel('Read from my network')
      await page.goto(`${origin}/read`)
      await isReady()
      assert.equal(await choice.isChecked(), false)
      await ask(blobId)
      assert.notEqual(await page.locator('#problem').textContent(), '')
      assert.ok((await rows()).every(([, path]) => path === '-'))
      await choice.press('Space')
      await page.reload()
      await isReady()
      assert.equal(await choice.isChecked(), true)
      await ask(blobId)
      assert.ok(PNG.equals(await saved()))
      await page.goto(`${gateway.url}/read`)
      await page.locator('#read').waitFor()
      assert.equal(await choice.isVisible(), false)
    })

    it('says that a link is of another network, and what is no blob ID', async () => {
      await page.goto(`${gateway.url}/read#network=0x99`)
      await page.locator('#problem', { hasText: '0x99' }).waitFor()
      await page.goto('about:blank')
      await open()
      await page.locator('#blob').fill('not one')
      await page.keyboard.press('Enter')
      await page.locator('#problem', { hasText: '43' }).waitFor()
      const nowhere = 'A'.repeat(43)
      await ask(nowhere)
      assert.match((await page.locator('#problem').textContent())!, /\w/)
    })
  },
)
