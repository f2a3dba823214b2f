import type { Page } from 'playwright-core'

/** What a finalizer lets go is free only at the next collection. */
const COLLECTIONS = 3

/** Asks for the heap of the page's worker, of what is left after collections: bytes. Workers are attached to once it is made. */
export async function watchWorkerHeap(page: Page): Promise<() => Promise<number>> {
  const browser = await page.context().newCDPSession(page)
  const worker = new Promise<string>(resolve =>
    browser.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type === 'worker') resolve(sessionId)
    }),
  )
  const waiting = new Map<number, (result: unknown) => void>()
  browser.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, result } = JSON.parse(message) as { id: number; result: unknown }
    waiting.get(id)?.(result)
  })
  let lastId = 0
  const ask = async (method: string): Promise<unknown> => {
    const id = ++lastId
    const answered = new Promise(resolve => waiting.set(id, resolve))
    const message = JSON.stringify({ id, method })
    await browser.send('Target.sendMessageToTarget', { sessionId: await worker, message })
    return await answered
  }
  await browser.send('Target.setAutoAttach', {
    autoAttach: true,
    waitForDebuggerOnStart: false,
    flatten: false,
  })
  return async () => {
    for (let i = 0; i < COLLECTIONS; i++) await ask('HeapProfiler.collectGarbage')
    return ((await ask('Runtime.getHeapUsage')) as { usedSize: number }).usedSize
  }
}
