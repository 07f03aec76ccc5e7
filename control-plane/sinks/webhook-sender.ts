import type { WebhookSender } from './webhook.js';

/**
 * A sender that is loaded with the first message: its HTTP client costs each start some 60 ms and 8 MiB,
 * and many a worker never delivers anything.
 */
export function createWebhookSender(options: { allowPrivateAddresses: boolean }): WebhookSender {
  let opened: Promise<WebhookSender> | undefined;
  const open = async () => {
    const { openWebhookSender } = await import('./webhook.js');
    return openWebhookSender(options);
  };
  return {
    async send(message, now, signal) {
      opened ??= open();
      return (await opened).send(message, now, signal);
    },
    async close() {
      await (await opened)?.close();
    },
  };
}
