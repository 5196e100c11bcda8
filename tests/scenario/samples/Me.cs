using System;
using System.IO;
using System.Net;
using System.Text;

class Me
{
    static void Main(string[] arguments)
    {
        Console.OutputEncoding = new UTF8Encoding(false);
        WebRequest request = WebRequest.Create(arguments[0] + "/v1/me/" + arguments[1]);
        using (WebResponse answer = request.GetResponse())
        using (StreamReader reader = new StreamReader(answer.GetResponseStream()))
        {
            Console.WriteLine(reader.ReadToEnd());
        }
    }
}
