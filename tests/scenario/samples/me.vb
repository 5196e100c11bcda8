Imports System.IO
Imports System.Net

Module Me1
    Sub Main(arguments As String())
        Dim request As WebRequest = WebRequest.Create(arguments(0) & "/v1/me/" & arguments(1))
        Using reader As New StreamReader(request.GetResponse().GetResponseStream())
            Console.WriteLine(reader.ReadToEnd())
        End Using
    End Sub
End Module
