// SPDX-License-Identifier: Apache-2.0
// How a driver talks to the test that runs it: a line of JSON each way. `visit` sends the test's browser somewhere and
// says where it was sent back to; `say` reports what was seen.
import { createInterface } from 'node:readline'
import { webcrypto } from 'node:crypto'

// What Node.js 18 has, but not under these names.
globalThis.crypto ??= webcrypto
globalThis.CryptoKey ??= webcrypto.CryptoKey

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const send = (message) => process.stdout.write(JSON.stringify(message) + '\n')

export const settings = JSON.parse(process.env.SETTINGS)

export async function visit(url, press = 'Allow') {
  send({ visit: url.toString(), press })
  return (await lines.next()).value
}

export const say = (what, value = true) => send({ say: what, value })

export async function refusal(work) {
  try {
    await work()
  } catch (error) {
    return error.error ?? error.cause?.error ?? `${error.name}: ${error.message}`
  }
  return 'none'
}

export async function run(drive) {
  try {
    await drive()
    send({ done: true })
    process.exit(0)
  } catch (error) {
    send({ failed: `${error.stack} ${JSON.stringify(error.cause ?? null)}` })
    process.exit(1)
  }
}
