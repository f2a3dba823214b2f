import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Browser, chromium } from 'playwright-core'
import type { BlobId } from '../../codec/types.ts'
import { type Devnet, startDevnet } from '../../node/devnet/index.ts'
import { createGateway } from '../../node/gateway/index.ts'
import { findChromium } from '../support/chromium.ts'
import { standBefore } from '../support/tls.ts'

const found = findChromium()
const MIB = 1024 * 1024

describe(
  'missing' in found
    ? `the page that reads, over a relay (left out: ${found.missing})`
    : 'the page that reads, over a relay',
  function () {
    // the browser, the devnet and everything else may share one busy core
    this.timeout(300_000)
    const data = randomBytes(MIB)
    let browser: Browser
    let devnet: Devnet
    let blobId: BlobId

    before(async function () {
      if ('missing' in found) return this.skip()
      devnet = await startDevnet({ nodes: 4, shards: 10, private: true, webRtc: true })
      blobId = (await devnet.client.store(data, { epochs: 1, deletable: true })).blobId
      browser = await chromium.launch({ executablePath: found.path, args: ['--no-sandbox'] })
    })
    after(async () => {
      await browser?.close()
      await devnet?.close()
    })

    for (const path of ['WebSockets', 'WebRTC'] as const) {
      it(`reads from nodes without addresses by ${path}`, async () => {
        const { client, network } = devnet
        const gateway = createGateway({ client, network, page: { suiRpc: network.suiRpc }, port: 0 })
        await gateway.start()
        // as where WebSockets are blocked
        const policy = (given: string) => (path === 'WebSockets' ? given : given.replace(' ws: wss:', ''))
        await using front = await standBefore(gateway.url, { isSecure: false, policy })
        const context = await browser.newContext()
        context.setDefaultTimeout(120_000)
        try {
          const page = await context.newPage()
          await page.goto(`${front.url}/read`)
          await page.locator('#network', { hasText: 'epoch' }).waitFor()
          await gateway.stop()
          await page.locator('#blob').fill(blobId)
          await page.keyboard.press('Enter')
          await page.locator('#actions:visible, #problem:not(:empty)').first().waitFor()
          assert.equal(await page.locator('#problem').textContent(), '')
          const [download] = await Promise.all([page.waitForEvent('download'), page.locator('#save').click()])
          assert.ok(data.equals(await readFile(await download.path())))
          const paths = await page.locator('#rows td:nth-child(2)').allTextContents()
          assert.ok(paths.length > 0 && paths.every(path => path === 'relay' || path === '-'), paths.join())
          assert.ok(paths.includes('relay'), paths.join())
        } finally {
          await context.close()
          await gateway.stop()
        }
      })
    }
  },
)
