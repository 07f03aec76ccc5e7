/** Makes a policy and has every cluster of the key's tenant run it: what resolves is `publish`, which is to be called once. */
export async function preparePublish(
  apiUrl: string,
  apiKey: string,
  policy: { readonly name: string; readonly source: string },
): Promise<{ publish(): Promise<void> }> {
  const made = await post(apiUrl, apiKey, '/v1/policies', policy);
  return {
    async publish() {
      const body = { name: policy.name, policyId: made.id, clusters: '' };
      await post(apiUrl, apiKey, '/v1/assignments', body);
    },
  };
}

async function post(
  apiUrl: string,
  apiKey: string,
  path: string,
  body: object,
): Promise<{ readonly id: string }> {
  const response = await fetch(`${apiUrl}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}
