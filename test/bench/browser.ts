/**
 * Reading in Chromium, by the page of the devnet's gateway: 5 MiB by WebSockets and by WebRTC, in a page that has just been loaded and in one
 * that has read, and what its worker's heap grows by with each of 100 reads.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, chromium, type Page } from 'playwright-core'
import { findChromium } from '../support/chromium.ts'
import { standBefore } from '../support/tls.ts'
import { watchWorkerHeap } from './browser/worker-heap.ts'
import type { BenchOptions } from './main.ts'
import { median } from './report/row.ts'
import { withDevnet } from './support/devnet.ts'

const MIB = 1024 * 1024
const RUNS = 3
const READS = 100
/** so often the heap is looked at meanwhile */
const LOOKS = 10
const WAIT_MS = 120_000
const runFile = promisify(execFile)

interface Read {
  ms: number
  movedMiB: number
}

export async function run({ quick, report }: BenchOptions): Promise<void> {
  const found = findChromium()
  if ('missing' in found) return console.error(`left out: ${found.missing}`)
  const browser = await chromium.launch({ executablePath: found.path, args: ['--no-sandbox'] })
  try {
    await withDevnet([], async ({ dir, gateway }) => {
      const [small = '', large = ''] = await store(dir, [1_000, 5 * MIB])
      for (const path of ['ws', 'webrtc'] as const) {
        // as where WebSockets are blocked
        await using front = await standBefore(gateway, {
          isSecure: false,
          policy: given => (path === 'ws' ? given : given.replace(' ws: wss:', '')),
        })
        const runs: Read[][] = []
        while (runs.length < (quick ? 1 : RUNS)) runs.push(await readTwice(browser, front.url, large))
        for (const [i, state] of ['cold', 'warm'].entries()) {
          const of = (name: keyof Read) => median(runs.map(reads => reads[i]![name]))
          report({ of: { case: '5 MiB', path, state }, took: { ms: of('ms'), movedMiB: of('movedMiB') } })
        }
      }
      if (!quick) report({ of: { case: `${READS} reads` }, took: await readOften(browser, gateway, small) })
    })
  } finally {
    await browser.close()
  }
}

async function store(dir: string, sizes: readonly number[]): Promise<string[]> {
  const files = [join(dir, 'network.json'), join(dir, 'keys', 'user.sui.key')]
  const script = join(import.meta.dirname, 'read', 'store.ts')
  return JSON.parse((await runFile(process.execPath, [script, ...files, ...sizes.map(String)])).stdout)
}

async function withPage<T>(browser: Browser, url: string, work: (page: Page) => Promise<T>): Promise<T> {
  const context = await browser.newContext()
  try {
    context.setDefaultTimeout(WAIT_MS)
    const page = await context.newPage()
    await page.goto(`${url}/read`)
    await page.locator('#network', { hasText: 'epoch' }).waitFor()
    return await work(page)
  } finally {
    await context.close()
  }
}

const readTwice = (browser: Browser, url: string, blobId: string): Promise<Read[]> =>
  withPage(browser, url, async page => [await read(page, blobId), await read(page, blobId)])

async function read(page: Page, blobId: string): Promise<Read> {
  await page.locator('#blob').fill(blobId)
  const start = performance.now()
  await page.keyboard.press('Enter')
  await page.locator('#actions:visible, #problem:not(:empty)').first().waitFor()
  const ms = performance.now() - start
  const figures = (await page.locator('#figures').textContent()) ?? ''
  const [, moved, unit] = /([\d.]+) (\w+) moved/.exec(figures) ?? []
  if ((await page.locator('#problem').textContent()) !== '') throw new Error(figures)
  return { ms, movedMiB: Number(moved) / (unit === 'MiB' ? 1 : unit === 'KiB' ? 1024 : MIB) }
}

/** The first tenth fills caches and finds the fast peers. What grows tells itself by the slope over all looks, not by the last one alone. */
function readOften(browser: Browser, url: string, blobId: string): Promise<Record<string, number>> {
  return withPage(browser, url, async page => {
    const heap = await watchWorkerHeap(page)
    let ms = 0
    const readOn = async () => {
      const start = performance.now()
      for (let i = 0; i < READS / LOOKS; i++) await read(page, blobId)
      ms += performance.now() - start
    }
    await readOn()
    ms = 0
    const looks = [await heap()]
    while (looks.length <= LOOKS) {
      await readOn()
      looks.push(await heap())
    }
    return {
      msPerRead: ms / READS,
      heapMiB: looks[0]! / MIB,
      grownKiB: (looks.at(-1)! - looks[0]!) / 1024,
      bytesPerRead: slope(looks) / (READS / LOOKS),
    }
  })
}

/** Of the line nearest to all of them, by squares: what each has more than the one before. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const squares = values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0)
  return values.reduce((sum, value, i) => sum + (i - middle) * value, 0) / squares
}
