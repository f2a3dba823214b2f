import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createGateway, type Gateway } from '../../node/gateway/index.ts'
import { NETWORK } from '../node/gateway/support.ts'
import { findChromium } from '../support/chromium.ts'
import { createFakeClient } from '../support/fake-client.ts'

const found = findChromium()
/** One pixel, red. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
)
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="5"><script>top.ran=1</script></svg>'
const SECONDS = 600
const RATE = 8_000

/** Silence, of samples of a byte each: long enough that no browser loads all of it before it seeks. */
function wav(): Buffer {
  const head = Buffer.from(
    '524946460000000057415645666d74201000000001000100401f0000401f0000010008006461746100000000',
    'hex',
  )
  const samples = SECONDS * RATE
  head.writeUInt32LE(samples + 36, 4)
  head.writeUInt32LE(samples, 40)
  return Buffer.concat([head, Buffer.alloc(samples, 0x80)])
}

describe(
  'missing' in found
    ? `blobs in pages of another origin (left out: ${found.missing})`
    : 'blobs in pages of another origin',
  function () {
    this.timeout(180_000)
    let browser: Browser
    let gateway: Gateway
    let site: Server
    let page: Page
    const client = createFakeClient({ pieceBytes: 256 * 1024 })

    before(async function () {
      if ('missing' in found) return this.skip()
      gateway = createGateway({ client, network: NETWORK, port: 0 })
      await gateway.start()
      site = createServer((_, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><body></body>')
      })
      await new Promise<void>(resolve => site.listen(0, '127.0.0.1', resolve))
      browser = await chromium.launch({ executablePath: found.path, args: ['--no-sandbox'] })
      page = await browser.newPage()
      page.setDefaultTimeout(120_000)
      await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/`)
    })
    after(async () => {
      await browser?.close()
      await gateway?.stop()
      site?.close()
    })

    const put = async (bytes: Uint8Array | string) => {
      const stored = await client.store(Buffer.from(bytes), { epochs: 1, deletable: true })
      return `${gateway.url}/v1/blobs/${stored.blobId}`
    }
    /** The size of an image, or undefined when it is none. */
    const imageOf = (url: string) =>
      page.evaluate(async src => {
        const image = new Image()
        image.src = src
        return await image.decode().then(
          () => [image.naturalWidth, image.naturalHeight],
          () => undefined,
        )
      }, url)

    it('are images, SVG too when it is said to be one, whose scripts do not run', async () => {
      assert.deepEqual(await imageOf(await put(PNG)), [1, 1])
      const svg = await put(SVG)
      assert.deepEqual(await imageOf(`${svg}?content-type=image/svg%2Bxml`), [7, 5])
      assert.equal(await page.evaluate(() => (window as { ran?: number }).ran), undefined)
    })

    it('are played from any place of them', async () => {
      const url = await put(wav())
      const before = client.calls.length
      const heard = await page.evaluate(async src => {
        const player = document.createElement('video')
        player.preload = 'metadata'
        const once = (name: string) =>
          new Promise<void>((resolve, reject) => {
            player.addEventListener(name, () => resolve(), { once: true })
            player.addEventListener('error', () => reject(new Error(player.error?.message)), { once: true })
          })
        const known = once('loadedmetadata')
        player.src = src
        await known
        const seeked = once('seeked')
        player.currentTime = player.duration - 10
        await seeked
        return { duration: player.duration, at: player.currentTime, type: player.canPlayType('audio/wav') }
      }, url)
      assert.deepEqual([heard.duration, heard.at], [SECONDS, SECONDS - 10])
      const asked = client.calls.slice(before).flatMap(({ operation, options }) => {
        const { start = 0 } = (options ?? {}) as { start?: number }
        return operation === 'read' ? [start] : []
      })
      assert.ok(
        asked.some(start => start > (SECONDS - 60) * RATE),
        `read from ${asked.join()}`,
      )
    })

    it('are read by scripts, with every header of theirs', async () => {
      const url = await put('Hello')
      const read = await page.evaluate(async src => {
        const response = await fetch(src, { headers: { range: 'bytes=1-2', 'x-anything': 'a' } })
        const { status, headers } = response
        return [status, await response.text(), headers.get('etag'), headers.get('content-range')]
      }, url)
      assert.deepEqual(read, [206, 'el', `"${url.split('/').at(-1)}"`, 'bytes 1-2/5'])
    })

    it('run nothing, whatever they are said to be', async () => {
      const script = await put('window.ran = 1')
      const html = await put('<!doctype html><script>window.ran = 1</script>')
      const ran = await page.evaluate(
        async ([scriptUrl, htmlUrl]) => {
          const node = document.createElement('script')
          node.src = `${scriptUrl}?content-type=text/javascript`
          const over = new Promise<string>(resolve => {
            node.onload = () => resolve('loaded')
            node.onerror = () => resolve('refused')
          })
          document.body.append(node)
          const frame = document.createElement('iframe')
          frame.src = `${htmlUrl}?content-type=text/html`
          const shown = new Promise(resolve => {
            frame.onload = resolve
          })
          document.body.append(frame)
          await shown
          return [await over, (window as { ran?: number }).ran]
        },
        [script, html],
      )
      assert.deepEqual(ran, ['refused', undefined])
      const tab = await browser.newPage()
      await tab.goto(`${html}?content-type=text/html`)
      assert.equal(await tab.evaluate(() => document.contentType), 'text/plain')
      await tab.close()
    })
  },
)
