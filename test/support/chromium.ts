import { existsSync } from 'node:fs'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Where a Chromium is, or why tests in one are left out. */
export function findChromium(): { path: string } | { missing: string } {
  const path = [process.env.FLOE_CHROMIUM ?? '', ...PLACES].find(existsSync)
  if (path !== undefined && path !== '') return { path }
  return {
    missing: 'there is no Chromium here: install the package chromium, or name one with FLOE_CHROMIUM',
  }
}
