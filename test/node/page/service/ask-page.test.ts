import assert from 'node:assert/strict'
import type { RtcCall } from '../../../../node/page/rtc-port.ts'
import { askPage } from '../../../../node/page/service/ask-page.ts'

describe("a service worker's way to WebRTC", () => {
  const call = { kind: 'call', port: {} } as RtcCall
  const pages = (...urls: string[]) => {
    const asked: [string, RtcCall, Transferable[]][] = []
    const open = urls.map(url => ({
      url,
      postMessage: (told: RtcCall, transfer: Transferable[]) => void asked.push([url, told, transfer]),
    }))
    return { asked, matchAll: async () => open }
  }

  it('is the page that reads, whatever else is open', async () => {
    const open = pages(
      'http://localhost:1/docs',
      'http://localhost:1/read#network=0x1',
      'http://localhost:1/read',
    )
    await askPage(open, call)
    assert.deepEqual(open.asked, [['http://localhost:1/read#network=0x1', call, [call.port]]])
  })

  it('is nobody where none is open', async () => {
    await assert.rejects(
      askPage(pages('http://localhost:1/b/x', 'http://localhost:1/read/x'), call),
      /no page/,
    )
  })
})
