import assert from 'node:assert/strict'
import { createPageFiles } from '../../../../node/page/service/page-files.ts'

describe("a page's own files", () => {
  it('are fresh while the gateway is there, and as they were last when it has gone', async () => {
    const kept = new Map<string, Response>()
    let gateway: () => Response = () => new Response('first')
    let isFull = false
    const files = createPageFiles({
      fetch: async () => gateway(),
      caches: {
        open: async () =>
          ({
            async put(path: string, answer: Response) {
              if (isFull) throw new DOMException('no room', 'QuotaExceededError')
              kept.set(path, answer)
            },
            match: async (path: string) => kept.get(path)?.clone(),
          }) as unknown as Cache,
      },
    })
    const textOf = async (path: string) => (await files.get(path)).text()
    assert.equal(await textOf('/read'), 'first')
    gateway = () => new Response('second')
    assert.equal(await textOf('/read'), 'second')
    // of a proxy before a gateway that has gone
    gateway = () => new Response('bad gateway', { status: 502 })
    assert.equal(await textOf('/read'), 'second')
    assert.equal((await files.get('/read/page.js')).status, 502)
    gateway = () => {
      throw new TypeError('gone')
    }
    assert.equal(await textOf('/read'), 'second')
    await assert.rejects(files.get('/read/page.js'), { message: 'gone' })
    isFull = true
    gateway = () => new Response('third')
    assert.equal(await textOf('/read'), 'third')
  })
})
